from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multigraft.core.data.skipped import SkippedLog, TooManyBadSamples
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation

shared_shards = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def ids(batches):
    return [[sample.annotation.id for sample in batch] for batch in batches]


@pytest.fixture
def sources(pack, questions, open_task):
    """23 annotations of `vqa` and 9 of `caption` in 8 shards."""
    pack(questions(vqa=23, caption=9))
    return [open_task("vqa", prefix="vqa: "), open_task("caption")]


def test_samples_carry_prefix_task_and_origin(sources, make_stream):
    (batch,) = make_stream(sources, batch=2).batches(0, 1)
    assert sorted(sample.task for sample in batch) == ["caption", "vqa"]
    vqa = next(sample for sample in batch if sample.task == "vqa")
    assert vqa.example.text == "vqa: " + vqa.annotation.text
    assert vqa.origin.endswith("#" + vqa.annotation.id.replace("/", ""))


@shared_shards
@given(
    weights=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    world=st.integers(1, 4),
    batch=st.integers(4, 9),
    start=st.integers(0, 12),
    threads=st.integers(1, 3),
)
def test_any_ranks_from_any_step_give_the_very_same_global_batches(
    sources, make_stream, weights, world, batch, start, threads
):
    named = dict(zip(("vqa", "caption"), weights, strict=True))
    whole = ids(make_stream(sources, named, batch=batch).batches(0, 16))
    ranks = [
        ids(make_stream(sources, named, batch=batch, rank=rank, world=world, threads=threads).batches(start, 16))
        for rank in range(world)
    ]
    assert {len(rank) for rank in ranks} == {16 - start}
    for step, shares in enumerate(zip(*ranks, strict=True), start):
        assert sorted(each for share in shares for each in share) == sorted(whole[step])
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_annotation_comes_exactly_once_an_epoch(sources, make_stream):
    stream = make_stream(sources, {"vqa": 23, "caption": 9}, batch=4)
    counts = Counter(name for batch in ids(stream.batches(0, 16)) for name in batch)
    assert len(counts) == 32
    assert set(counts.values()) == {2}
    assert stream.sizes == {"vqa": 23, "caption": 9}
    assert stream.epochs(16) == {"vqa": 2.0, "caption": 2.0}


def test_drawn_targets_repeat_with_seed_and_epoch_alone(sources, make_stream):
    def targets(**arguments):
        batches = make_stream(sources, {"vqa": 0, "caption": 1}, batch=9, **arguments).batches(0, 2)
        return [{sample.annotation.id: sample.example.target for sample in batch} for batch in batches]

    first, second = targets()
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)
    assert targets(window=5, threads=1) == [first, second]
    assert targets(seed=1)[0]["caption/0"] != first["caption/0"]


def test_a_bad_sample_is_replaced_and_the_others_keep_their_places(pack, questions, open_task, make_stream):
    samples = questions(vqa=20)
    pack(samples)
    before = ids(make_stream([open_task("vqa")], batch=5).batches(0, 8))
    samples[3] = ("vqa3", [Annotation(id="vqa/3", task="vqa")], {})
    pack(samples)
    log = SkippedLog(None, 1.0)
    after = ids(make_stream([open_task("vqa")], batch=5, log=log).batches(0, 8))
    changed = [
        (old, new) for a, b in zip(before, after, strict=True) for old, new in zip(a, b, strict=True) if old != new
    ]
    assert [old for old, _ in changed] == ["vqa/3", "vqa/3"]
    assert all(new.startswith("vqa/") for _, new in changed)
    assert ids(make_stream([open_task("vqa")], batch=5).batches(0, 8)) == after
    assert [(entry.key, entry.annotation, entry.reason, entry.detail) for entry in log.listed] == [
        ("vqa3", "vqa/3", "missing field", "text")
    ]
    assert log.bad >= 2


def test_over_the_limit_the_run_stops_with_the_list(pack, questions, open_task, make_stream):
    samples = questions(vqa=40)
    for number in (3, 17):
        samples[number] = (f"vqa{number}", [Annotation(id=f"vqa/{number}", task="vqa")], {})
    pack(samples)
    log = SkippedLog(None, 0.01)
    with pytest.raises(TooManyBadSamples, match=r"(?s)bad_limit: 0\.01.*#vqa3 vqa/3 missing field: text"):
        list(make_stream([open_task("vqa")], batch=10, log=log).batches(0, 100))
    assert 200 <= log.drawn < 300


def test_a_task_of_bad_samples_alone_ends_with_the_list_too(pack, open_task, make_stream):
    pack([("k", [Annotation(id="1", task="vqa")], {})])
    with pytest.raises(
        TooManyBadSamples, match=r"task 'vqa': 50 samples drawn in a row are all bad.*\n.*#k 1 missing field"
    ):
        list(make_stream([open_task("vqa")], batch=1).batches(0, 1))


def test_a_task_of_bad_samples_alone_ends_every_process_whichever_drew_it(pack, open_task, make_stream, tmp_path):
    mute = [("m", [Annotation(id="m/0", task="vqa", text="?"), Annotation(id="m/1", task="vqa")], {})]
    pack([*mute, *((f"k{n}", [Annotation(id=f"c/{n}", task="caption")], {}) for n in range(3))])
    together, met = {}, Barrier(2)

    def gather(number, own):
        together[number] = own
        met.wait(timeout=60)
        return [*together[0], *together[1]]

    def end_of(number):
        path = None if number else tmp_path / "skipped.jsonl"
        log = SkippedLog(path, 1.0, lambda own: gather(number, own))
        stream = make_stream([open_task("vqa"), open_task("caption")], batch=2, log=log, rank=number, world=2)
        with pytest.raises(TooManyBadSamples) as caught:
            list(stream.batches(0, 1))
        return str(caught.value), log

    with ThreadPoolExecutor(2) as pool:
        (told, log), (other, _) = pool.map(end_of, (0, 1))
    assert told.startswith("task 'caption': 50 samples drawn in a row are all bad")
    assert {line for line in told.splitlines() if "#" in line} == {line for line in other.splitlines() if "#" in line}
    assert f"All are in {tmp_path / 'skipped.jsonl'}." in told
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == len(log.listed) >= 3
    assert {f"c/{n}" for n in range(3)} <= {entry.annotation for entry in log.listed}
    assert (log.drawn, log.bad) == (0, 0)


@pytest.mark.parametrize("threads", [1, 4])
def test_counts_are_those_of_the_batches_handed_out_whatever_was_read_ahead(
    pack, questions, open_task, make_stream, threads
):
    samples = questions(vqa=40)
    for number in (3, 17):
        samples[number] = (f"vqa{number}", [Annotation(id=f"vqa/{number}", task="vqa")], {})
    pack(samples)

    def counts(start, stop, log):
        for _ in make_stream([open_task("vqa")], batch=10, log=log, threads=threads).batches(start, stop):
            yield log.drawn, log.bad

    straight = list(counts(0, 12, SkippedLog(None, 1.0)))
    assert [drawn - bad for drawn, bad in straight] == list(range(10, 130, 10))
    assert straight[3][1] >= 2
    resumed = SkippedLog(None, 1.0)
    resumed.restore(*straight[4])
    assert list(counts(5, 12, resumed)) == straight[5:]


def test_a_batch_smaller_than_the_ranks_is_refused(sources, make_stream):
    with pytest.raises(MultigraftError, match=r"a batch of 2 gives some of the 3 processes no sample"):
        make_stream(sources, batch=2, world=3)


def test_leaving_early_stops_the_threads(sources, make_stream):
    batches = make_stream(sources).batches(0, 1000)
    next(batches)
    batches.close()
    assert list(batches) == []


def test_a_shard_that_changes_under_a_run_is_named(sources, pack, questions, make_stream):
    stream = make_stream(sources)
    pack(questions(vqa=5, caption=27))
    with pytest.raises(MultigraftError, match=r"a-00000\d\.tar was changed while it was being read"):
        list(stream.batches(0, 8))
