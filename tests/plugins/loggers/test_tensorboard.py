import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from multigraft.plugins.loggers.options import TensorBoardOptions
from multigraft.plugins.loggers.tensorboard import build


@pytest.fixture
def logger(tmp_path):
    logger = build(TensorBoardOptions(kind="tensorboard"), tmp_path)
    yield logger
    logger.close()


def curve(folder):
    """What TensorBoard shows."""
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars("train/vqa/loss")]


def test_scalars_can_be_read_while_the_run_goes_on(logger, tmp_path):
    logger.log(10, {"train/vqa/loss": 1.5})
    logger.log(20, {"train/vqa/loss": 1.25})
    assert curve(tmp_path) == [(10, 1.5), (20, 1.25)]


def test_what_came_after_the_resumed_step_is_hidden(logger, tmp_path):
    for step in (10, 20, 30):
        logger.log(step, {"train/vqa/loss": 1.0})
    logger.resume(20)
    logger.log(30, {"train/vqa/loss": 0.5})
    assert curve(tmp_path) == [(10, 1.0), (20, 1.0), (30, 0.5)]


def test_nothing_logged_makes_no_folder(logger, tmp_path):
    logger.close()
    assert list(tmp_path.iterdir()) == []
