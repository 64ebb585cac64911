from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.rank import Rank


def ids(source, log=None, **arguments):
    samples = EvaluationSamples(source, SampleReader(None), log or SkippedLog(None, 0.0), **arguments)
    return [sample.annotation.id for sample in samples]


def test_samples_come_in_the_shards_order_with_nothing_drawn(pack, questions, open_task):
    pack(questions(vqa=10))
    source = open_task("vqa")
    assert ids(source) == [f"vqa/{number}" for number in range(10)]
    samples = list(EvaluationSamples(source, SampleReader(None), SkippedLog(None, 0.0)))
    assert {sample.example.target for sample in samples} == {"fixed"}


def test_a_limit_draws_evenly(pack, questions, open_task):
    pack(questions(vqa=10))
    assert ids(open_task("vqa"), limit=4) == ["vqa/0", "vqa/2", "vqa/5", "vqa/7"]
    assert len(ids(open_task("vqa"), limit=99)) == 10


def test_ranks_share_the_samples_out(pack, questions, open_task):
    pack(questions(vqa=10))
    source = open_task("vqa")
    shares = [ids(source, rank=Rank(rank, 3)) for rank in range(3)]
    assert sorted(map(len, shares)) == [3, 3, 4]
    assert sorted(each for share in shares for each in share) == sorted(ids(source))


def test_bad_samples_are_left_out_and_listed_whatever_the_limit(pack, questions, open_task):
    samples = questions(vqa=6)
    samples[2] = ("vqa2", [Annotation(id="vqa/2", task="vqa")], {})
    pack(samples)
    log = SkippedLog(None, 0.0)
    assert ids(open_task("vqa"), log) == ["vqa/0", "vqa/1", "vqa/3", "vqa/4", "vqa/5"]
    assert [entry.annotation for entry in log.listed] == ["vqa/2"]
    log.finish()
