"""Plain tables of a report."""

from multigraft.core.report.run_summary import bars, cut_texts, skipped_by_reason


def test_bars_are_ordered_and_the_smallest_of_many_summed_up():
    listed = bars({f"part{number}": number for number in range(1, 41)})
    assert (listed[0].name, listed[0].share, len(listed)) == ("part40", 26.1, 24)
    assert (listed[-1].name, listed[-1].count, listed[-1].share) == ("17 others", 153, 100.0)


def test_skipped_samples_are_counted_by_shard_and_reason():
    rows = [{"shard": "a.tar", "key": str(key), "reason": "cut", "detail": "", "count": 2} for key in range(5)]
    (group,) = skipped_by_reason(rows)
    assert (group.shard, group.reason, group.count, group.examples) == ("a.tar", "cut", 10, ["0", "1", "2"])


def test_cut_texts_are_told_in_percent_of_a_task_and_tasks_without_any_left_out():
    cut = {"videos": {"n": 200, "any": 30, "context": 30, "choices": 1}, "vqa": {"n": 100, "any": 0}}
    (row,) = cut_texts({"cut": cut})
    assert (row.task, row.n) == ("videos", 200)
    assert row.shares == {"any": 15.0, "context": 15.0, "choices": 0.5, "question": 0.0, "target": 0.0}
