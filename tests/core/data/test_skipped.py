import json

import pytest

from multigraft.core.data.skipped import Skipped, SkippedLog, TooManyBadSamples

BAD = Skipped("a.tar", "k", "1", "not an image", "begins with b'<html'")


def test_each_bad_sample_is_listed_once_and_counted_by_shard_and_reason(tmp_path):
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5)
    for _ in range(3):
        log.replaced(BAD)
    log.note(Skipped("a.tar", "k2", "2", "not an image"))
    lines = [json.loads(line) for line in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert lines[0] == {
        "shard": "a.tar", "key": "k", "annotation": "1", "reason": "not an image", "detail": "begins with b'<html'",
        "count": 1,
    }  # fmt: skip
    assert len(lines) == 2
    assert log.counts == {("a.tar", "not an image"): 2}
    assert (log.drawn, log.bad) == (3, 3)


def test_a_resumed_run_does_not_list_again(tmp_path):
    SkippedLog(tmp_path / "skipped.jsonl", 0.5).replaced(BAD)
    log = SkippedLog(tmp_path / "skipped.jsonl", 0.5)
    log.replaced(BAD)
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 1
    assert log.listed == (BAD,)


def test_a_row_may_stand_for_many():
    log = SkippedLog(None, 0.5)
    log.note(Skipped("a.tar", "", "", "no such record", count=7))
    log.note(BAD)
    assert log.counts == {("a.tar", "no such record"): 7, ("a.tar", "not an image"): 1}


def test_a_line_cut_by_a_crash_is_no_hindrance(tmp_path):
    path = tmp_path / "skipped.jsonl"
    SkippedLog(path, 0.5).replaced(BAD)
    with path.open("a") as file:
        file.write('{"shard": "a.t')
    log = SkippedLog(path, 0.5)
    log.note(Skipped("b.tar", "k", "2", "wrong crc"))
    assert [entry.shard for entry in SkippedLog(path, 0.5).listed] == ["a.tar", "b.tar"]


def test_the_limit_counts_from_some_samples_on_and_at_the_end():
    log = SkippedLog(None, 0.1, least=10)
    for _ in range(4):
        log.good()
    log.replaced(BAD)
    with pytest.raises(TooManyBadSamples, match="1 of 5 samples are bad"):
        log.finish()
    for _ in range(4):
        log.good()
    with pytest.raises(TooManyBadSamples, match=r"2 of 10 samples are bad.*\n  a.tar#k 1 not an image"):
        log.replaced(BAD)
