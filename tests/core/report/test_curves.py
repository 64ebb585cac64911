"""What of metrics.jsonl becomes a chart, and in which order."""

from multigraft.core.report.curves import Single, curves, draw_all, singles
from multigraft.core.report.marks import marks_of


def test_a_step_logged_twice_counts_as_the_resumed_run_logged_it():
    rows = [
        {"step": 10, "train/vqa/loss": 3.0},
        {"step": 20, "train/vqa/loss": 2.0},
        {"step": 20, "train/vqa/loss": 1.0},
    ]
    assert curves(rows) == {"training loss": {"vqa": [(10, 3.0), (20, 1.0)]}}


def test_losses_come_first_then_main_metrics_then_others_then_speed():
    row = {
        "step": 1,
        "train/rate": 0.1,
        "train/samples_per_second": 31.0,
        "train/waiting": 0.2,
        "train/vqa/samples": 8,
        "eval/vqa/bleu": 0.3,
        "eval/vqa/cider": 1,
        "eval/vqa/loss": 0.5,
        "train/vqa/loss": 0.7,
        "seconds": 3,
    }
    assert list(curves([row], ["cider"])) == [
        "training loss", "validation loss", "cider", "bleu", "samples a second", "share of time waiting for data",
    ]  # fmt: skip


def test_fractions_are_drawn_from_zero_to_one_and_losses_as_they_are():
    rows = [
        {"step": step, "train/vqa/loss": 0.4 + step / 100, "eval/vqa/exact-match": 0.5, "eval/vqa/cider": step / 2}
        for step in (1, 2, 4)
    ]
    labels = {drawn.title: [tick.label for tick in drawn.values] for drawn in draw_all(curves(rows), {})}
    assert (labels["exact-match"][0], labels["exact-match"][-1]) == ("0", "1")
    assert labels["training loss"][-1] == "0.44"
    assert labels["cider"][-1] == "2"


def test_what_was_measured_once_is_a_table_and_no_line():
    rows = [{"step": 5, "eval/vqa/exact-match": 0.5, "eval/captions/exact-match": 0.25}]
    measures = curves(rows)
    assert draw_all(measures, {}) == []
    assert list(singles(measures)) == [
        Single("exact-match", "vqa", 5, 0.5),
        Single("exact-match", "captions", 5, 0.25),
    ]


def test_a_task_has_one_mark_in_every_chart_and_32_tasks_differ_in_colour_or_dashes():
    tasks = [f"task{number}" for number in range(32)]
    marks = marks_of(tasks)
    assert len({(mark.colour, mark.dashes) for mark in marks.values()}) == 32
    rows = [{"step": step, "train/task9/loss": 1.0, "eval/task9/f1": 0.5, "eval/task0/f1": 0.5} for step in (1, 2)]
    drawn = {line.mark for chart in draw_all(curves(rows), marks) for line in chart.lines if line.name == "task9"}
    assert drawn == {marks["task9"]}
