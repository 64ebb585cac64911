"""What a user sees while a run trains."""

import io

import pytest

from multigraft.core.run.times import Times
from multigraft.core.training.progress import Progress


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def shown(stream: io.StringIO, steps: int, first: int = 0) -> str:
    """A run of a tenth of a second a step, a quarter of which is waiting for data."""
    clock = Clock()
    times = Times(clock)
    with Progress(steps, ["vqa", "caption"], first, stream, times) as progress:
        for step in range(first + 1, steps + 1):
            with times.spending("wait"):
                clock.now += 0.025
            with times.spending("step"):
                clock.now += 0.075
                progress.step(step, {"vqa": 0.532}, 9.1e-4, 32)
    return stream.getvalue()


def test_elsewhere_than_on_a_terminal_there_are_plain_lines():
    lines = shown(io.StringIO(), 2000).splitlines()
    assert len(lines) == 51
    assert lines[0] == (
        "step 1/2000  vqa 0.532  caption –  rate 9.1e-04  10 steps/s  320 samples/s  waiting 25%  left 3:20"
    )
    assert lines[1].startswith("step 40/2000  ")
    assert lines[-1].endswith("left 0:00")


def test_a_resumed_run_counts_only_its_own_steps_for_the_time_left():
    assert shown(io.StringIO(), 2000, first=1990).splitlines()[0].startswith("step 2000/2000  vqa 0.532")
    assert shown(io.StringIO(), 50, first=40).splitlines()[0].endswith("left 0:01")


def test_a_line_has_the_mean_loss_of_each_task_since_the_line_before():
    stream = io.StringIO()
    with Progress(200, ["vqa", "caption"], stream=stream) as progress:
        for step in range(1, 9):
            progress.step(
                step, {"vqa": float(step)} if step % 2 else {"vqa": float(step), "caption": 10.0 * step}, 1, 8
            )
    assert [line.split("  ")[:3] for line in stream.getvalue().splitlines()] == [
        ["step 1/200", "vqa 1.000", "caption –"],
        ["step 4/200", "vqa 3.000", "caption 30.000"],  # steps 2 to 4; captions in 2 and 4
        ["step 8/200", "vqa 6.500", "caption 70.000"],
    ]


def test_evaluations_and_checkpoints_do_not_count_for_the_time_left():
    stream, clock = io.StringIO(), Clock()
    times = Times(clock)
    with times.spending("step"), Progress(100, [], stream=stream, times=times) as progress:
        for step in range(1, 51):
            clock.now += 1
            progress.step(step, {}, 1, 8)
            for other in ("score", "save"):
                with times.spending(other):
                    clock.now += 500
    last = stream.getvalue().splitlines()[-1]
    assert last == "step 50/100  rate 1.0e+00  1 steps/s  8 samples/s  waiting 0%  left 0:50"


def test_a_terminal_has_a_bar_with_each_tasks_loss_and_the_time_left(terminal: Terminal):
    text = shown(terminal, 2000)
    assert "━" in text
    assert "step 2000/2000" in text
    assert "vqa 0.532  caption –" in text
    assert "left 0:00" in text


@pytest.mark.parametrize("width", [200, 60, 34])
def test_on_a_narrow_terminal_what_does_not_fit_takes_several_lines(terminal: Terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    tasks = [f"video-question-answering-{number}" for number in range(7)]
    clock = Clock()
    times = Times(clock)
    with times.spending("step"), Progress(10, tasks, stream=terminal, times=times) as progress:
        clock.now += 0.1
        progress.step(1, dict.fromkeys(tasks, 1.5), 1e-3, 8)
    assert all(f"{task} 1.500" in terminal.getvalue() for task in tasks)
    assert all(text in terminal.getvalue() for text in ("step 1/10", "rate 1.0e-03", "samples/s", "waiting", "left"))
    assert "…" not in terminal.getvalue()


def test_messages_stay_and_are_shown_as_they_are(terminal: Terminal):
    for stream in (terminal, io.StringIO()):
        with Progress(10, ["vqa"], stream=stream) as progress:
            progress.message("vqa/accuracy 0.91 [not markup]")
        assert "vqa/accuracy 0.91 [not markup]" in stream.getvalue()


def test_the_terminal_can_be_left_to_something_else(terminal: Terminal):
    with Progress(10, ["vqa"], stream=terminal) as progress:
        progress.step(1, {"vqa": 1.0}, 1e-3, 8)
        with progress.away():
            terminal.write("scoring\n")
        progress.step(2, {"vqa": 3.0}, 1e-3, 8)
    assert "step 2/10" in terminal.getvalue().partition("scoring\n")[2]


@pytest.mark.parametrize(("seconds_left", "text"), [(5, "left 0:05"), (185, "left 3:05"), (7384, "left 2:03:04")])
def test_time_left_in_hours_minutes_and_seconds(seconds_left: int, text: str):
    stream, clock = io.StringIO(), Clock()
    times = Times(clock)
    with times.spending("step"), Progress(1 + seconds_left * 10, [], 0, stream, times) as progress:
        clock.now += 0.1
        progress.step(1, {}, 0.1, 8)
    assert text in stream.getvalue()
