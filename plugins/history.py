"""What a run went through, kept by run hooks: `results.json` has it under `history`, exact across resumes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multigraft import hookimpl

if TYPE_CHECKING:
    from multigraft import Batch, Run

_KEY = "history"
_STATE = "multigraft"


def _history(run: "Run") -> dict[str, Any]:
    """`steps` made, `samples` of each task that this process trained on, and the steps each task was `scored_at`."""
    return run.results.setdefault(_KEY, {"steps": 0, "samples": {}, "scored_at": {}})  # type: ignore[no-any-return]


@hookimpl
def run_started(run: "Run") -> None:
    """Begin at zero for every task, unless a checkpoint was loaded."""
    samples = _history(run)["samples"]
    for task in run.recipe.tasks:
        samples.setdefault(task, 0)


@hookimpl
def batch_loaded(run: "Run", batch: "Batch") -> None:
    """Count the samples of each task."""
    samples = _history(run)["samples"]
    for segment in batch.segments:
        samples[segment.task] = samples.get(segment.task, 0) + segment.stop - segment.start


@hookimpl
def step_ended(run: "Run", step: int) -> None:
    """Count steps."""
    _history(run)["steps"] = step


@hookimpl
def evaluated(run: "Run", step: int, task: str) -> None:
    """Keep how often a task was scored: each look at a split makes its score a little less honest."""
    _history(run)["scored_at"].setdefault(task, []).append(step)


@hookimpl
def checkpoint_saving(run: "Run", state: dict[str, Any]) -> None:
    """Put the history into the checkpoint."""
    state[_STATE] = _history(run)


@hookimpl
def checkpoint_loaded(run: "Run", state: Mapping[str, Any]) -> None:
    """Go on with the history of the checkpoint."""
    if _STATE in state:
        run.results[_KEY] = state[_STATE]


def note_resuming(run: "Run", error: BaseException) -> None:
    """Say how a run that was stopped goes on."""
    if any((run.folder / "checkpoints").glob("*")):
        error.add_note(f"go on from the last checkpoint: multigraft train --resume {run.folder}")
