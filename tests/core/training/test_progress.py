"""What a user sees while a run trains."""

import io

import pytest

from multigraft.core.training.progress import Progress, RunningMean


class Clock:
    """Moves on by a tenth of a second each time it is read."""

    def __init__(self) -> None:
        self.tenths = 0

    def __call__(self) -> float:
        self.tenths += 1
        return self.tenths / 10


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def shown(stream: io.StringIO, steps: int, first: int = 0) -> str:
    with Progress(steps, ["vqa", "caption"], first, stream, Clock()) as progress:
        for step in range(first + 1, steps + 1):
            progress.step(step, {"vqa": 0.532}, 9.1e-4)
    return stream.getvalue()


def test_elsewhere_than_on_a_terminal_there_are_plain_lines():
    lines = shown(io.StringIO(), 2000).splitlines()
    assert len(lines) == 51
    assert lines[0] == "step 1/2000  vqa 0.532  caption –  rate 9.1e-04  10 steps/s  left 3:20"
    assert lines[1].startswith("step 40/2000  ")
    assert lines[-1].endswith("left 0:00")


def test_a_resumed_run_counts_only_its_own_steps_for_the_time_left():
    assert shown(io.StringIO(), 2000, first=1990).splitlines()[0].startswith("step 2000/2000  vqa 0.532")
    assert shown(io.StringIO(), 50, first=40).splitlines()[0].endswith("10 steps/s  left 0:01")


def test_a_terminal_has_a_bar_with_each_tasks_loss_and_the_time_left(terminal: Terminal):
    text = shown(terminal, 2000)
    assert "━" in text
    assert "step 2000/2000" in text
    assert "vqa 0.532  caption –" in text
    assert "left 0:00" in text


def test_on_a_narrow_terminal_the_losses_of_many_tasks_take_several_lines(terminal: Terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    tasks = [f"video-question-answering-{number}" for number in range(7)]
    with Progress(10, tasks, stream=terminal) as progress:
        progress.step(1, dict.fromkeys(tasks, 1.5), 1e-3)
    assert all(f"{task} 1.500" in terminal.getvalue() for task in tasks)


def test_messages_stay_and_are_shown_as_they_are(terminal: Terminal):
    for stream in (terminal, io.StringIO()):
        with Progress(10, ["vqa"], stream=stream) as progress:
            progress.message("vqa/accuracy 0.91 [not markup]")
        assert "vqa/accuracy 0.91 [not markup]" in stream.getvalue()


@pytest.mark.parametrize(("seconds_left", "text"), [(5, "left 0:05"), (185, "left 3:05"), (7384, "left 2:03:04")])
def test_time_left_in_hours_minutes_and_seconds(seconds_left: int, text: str):
    stream = io.StringIO()
    with Progress(1 + seconds_left * 10, [], 0, stream, Clock()) as progress:
        progress.step(1, {}, 0.1)
    assert text in stream.getvalue()


def test_loss_is_a_running_mean_that_starts_at_the_first_value():
    mean = RunningMean()
    assert str(mean) == "–"
    mean.add(2.0)
    assert str(mean) == "2.000"
    mean.add(1.0)
    assert str(mean) == "1.950"
