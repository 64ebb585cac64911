import json
import random

import pytest

from multigraft.core.data.skipped import Skipped, SkippedLog, TooManyBadSamples

BAD = Skipped("a.tar", "k", "1", "not an image", "begins with b'<html'")


def test_each_bad_sample_is_listed_once_and_counted_by_shard_and_reason(tmp_path):
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5)
    for _ in range(3):
        log.take(1, [BAD])
    log.note(Skipped("a.tar", "k2", "2", "not an image"))
    log.note(Skipped("b.tar", "", "", "without media", count=12))
    lines = [json.loads(line) for line in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "shard": "a.tar", "key": "k", "annotation": "1", "reason": "not an image", "detail": "begins with b'<html'",
        "count": 1,
    }  # fmt: skip
    assert [line.get("count") for line in lines] == [1, 1, 12]
    assert log.counts == {("a.tar", "not an image"): 2, ("b.tar", "without media"): 12}
    assert log.facts() == {"drawn": 6, "bad": 3, "problems": {"not an image": 2, "without media": 12}}


def test_a_resumed_run_does_not_list_again(tmp_path):
    SkippedLog(tmp_path / "skipped.jsonl", 0.5).take(1, [BAD])
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5)
    log.take(1, [BAD])
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 1
    assert log.listed == (BAD,)


def test_a_row_may_stand_for_many():
    log = SkippedLog(None, 0.5)
    log.note(Skipped("a.tar", "", "", "no such record", count=7))
    log.note(BAD)
    log.note(Skipped("a.tar", "one of the seven", "", "no such record"))
    assert log.counts == {("a.tar", "no such record"): 7, ("a.tar", "not an image"): 1}


@pytest.mark.parametrize("rest", [1, 3])
def test_a_row_for_the_rest_of_a_reason_stands_for_as_many_as_it_says(tmp_path, rest):
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5)
    log.note(Skipped("a.tar", "k0", "", "missing field"))
    log.note(Skipped("a.tar", "", "", "missing field", count=rest))
    for number in range(rest):
        log.take(1, [Skipped("a.tar", f"k{number + 1}", "", "missing field")] * 2)
        assert log.counts == {("a.tar", "missing field"): rest + 1}
    log.take(1, [Skipped("a.tar", "mute", "1", "missing field")])
    assert log.counts == {("a.tar", "missing field"): rest + 2}
    assert SkippedLog(tmp_path / "skipped.jsonl", 0.5).counts == log.counts


def test_a_line_cut_by_a_crash_is_no_hindrance(tmp_path):
    path = tmp_path / "skipped.jsonl"
    SkippedLog(path, 0.5).take(1, [BAD])
    with path.open("a") as file:
        file.write('{"shard": "a.t')
    log = SkippedLog(path, 0.5)
    log.note(Skipped("b.tar", "k", "2", "wrong crc"))
    assert [entry.shard for entry in SkippedLog(path, 0.5).listed] == ["a.tar", "b.tar"]


def test_what_chance_explains_stops_no_run():
    log = SkippedLog(None, 0.01)
    log.take(200, [BAD])
    log.finish()
    resumed = SkippedLog(None, 0.01)
    resumed.take(8, [BAD])
    resumed.finish()


def test_the_limit_is_tested_at_200_draws_at_every_doubling_and_at_the_end():
    log = SkippedLog(None, 0.01)
    log.take(100, [BAD] * 99)
    with pytest.raises(TooManyBadSamples) as caught:
        log.take(1, [])
    assert str(caught.value).splitlines() == [
        "99 of 200 samples are bad, more than the share `data.bad_limit: 0.01` allows",
        "Tested after 200 draws: were that share of the data bad, fewer than 1 of 1,000 runs would draw so many.",
        "  a.tar#k 1 not an image: begins with b'<html'",
        "Mend the data or raise the limit.",
    ]
    for drawn in (201, 399):
        log.restore(drawn - 1, 99)
        log.take(1, [])
    with pytest.raises(TooManyBadSamples, match="Tested after 399 draws"):
        log.finish()
    with pytest.raises(TooManyBadSamples, match="Tested after 403 draws"):
        log.take(4, [])


def test_a_limit_of_zero_bears_no_bad_sample_and_a_limit_of_one_bears_all():
    log = SkippedLog(None, 0.0)
    log.take(7, [])
    with pytest.raises(TooManyBadSamples, match="1 of 9 samples are bad"):
        log.take(1, [BAD])
    log = SkippedLog(None, 1.0)
    log.take(0, [BAD] * 1000)
    log.finish()


def draws_until_stopped(share, seed, batch=32, places=10_000):
    """The draws after which a run over data of which `share` is bad stops under a limit of 1 %; None if it ends."""
    draw, log = random.Random(seed), SkippedLog(None, 0.01)
    try:
        for _ in range(0, places, batch):
            bad = 0
            for _ in range(batch):
                while draw.random() < share:
                    bad += 1
            log.take(batch, [BAD] * bad)
        log.finish()
    except TooManyBadSamples:
        return log.drawn
    return None


def test_data_just_under_the_limit_are_trained_on_and_data_over_it_stop_early():
    under = [draws_until_stopped(0.008, seed) for seed in range(300)]
    assert sum(stopped is not None for stopped in under) < 3
    over = [draws_until_stopped(0.03, seed) for seed in range(100)]
    assert None not in over
    assert sorted(over)[50] < 1000


def test_several_processes_count_and_list_together(tmp_path):
    second = [Skipped("b.tar", "k", "1", "wrong crc"), BAD]
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5, gather=lambda own: [*own, *second])
    log.take(8, [BAD])
    assert (log.drawn, log.bad) == (11, 3)
    assert [json.loads(line)["shard"] for line in (tmp_path / "skipped.jsonl").open()] == ["a.tar", "b.tar"]
    third = Skipped("c.tar", "k", "1", "cut tar")
    log.note(third)
    log.exchange()
    assert log.listed == (BAD, second[0], third)
    assert (log.drawn, log.bad) == (11, 3)
