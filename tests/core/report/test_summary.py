"""Plain tables of a report."""

from multigraft.core.report.summary import bars, curves, skipped_by_reason


def test_a_step_logged_twice_counts_as_the_resumed_run_logged_it():
    rows = [
        {"step": 10, "train/vqa/loss": 3.0},
        {"step": 20, "train/vqa/loss": 2.0},
        {"step": 20, "train/vqa/loss": 1.0},
    ]
    assert curves(rows) == {"loss": {"vqa": [(10, 3.0), (20, 1.0)]}}


def test_only_losses_and_scores_become_curves():
    row = {"step": 1, "train/rate": 0.1, "train/vqa/samples": 8, "eval/vqa/cider": 1, "seconds": 3}
    assert curves([row]) == {"cider": {"vqa": [(1, 1.0)]}}


def test_bars_are_ordered_and_the_smallest_of_many_summed_up():
    listed = bars({f"part{number}": number for number in range(1, 41)})
    assert (listed[0].name, listed[0].share, len(listed)) == ("part40", 26.1, 24)
    assert (listed[-1].name, listed[-1].count, listed[-1].share) == ("17 others", 153, 100.0)


def test_skipped_samples_are_counted_by_shard_and_reason():
    rows = [{"shard": "a.tar", "key": str(key), "reason": "cut", "detail": "", "count": 2} for key in range(5)]
    (group,) = skipped_by_reason(rows)
    assert (group.shard, group.reason, group.count, group.examples) == ("a.tar", "cut", 10, ["0", "1", "2"])
