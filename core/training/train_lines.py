"""The lines that training writes to the loggers: one every `train.log_every` steps, for the first and the last."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multigraft.core.training.optimizer import rate_at
from multigraft.core.training.window import Window

if TYPE_CHECKING:
    from multigraft.core.run.open_run import OpenRun


class TrainLines:
    """What has been logged, and the steps since; part of a checkpoint, so that a resumed run writes the same lines.

    How fast the steps were is no part of it: a checkpoint is the same whenever it was made.
    """

    def __init__(self, run: "OpenRun") -> None:
        self._run, self._window = run, Window(run.times)
        self._last: dict[str, Any] = {}
        """The line before: its `step` and its `scalars`."""

    def step(self, step: int, losses: Mapping[str, float], samples: int) -> None:
        """Step `step` is done, counted from 1; `losses` holds the mean loss of each task of its batch, and
        of objectives beside each other, `samples` how many the batch has."""
        train = self._run.recipe.train
        self._window.add(losses, samples)
        if step % train.log_every == 0 or step in (1, train.steps):
            pace = self._window.pace()
            self._last = {"step": step, "scalars": self._scalars(step)}
            self._window.clear()
            self._log({"train/samples_per_second": pace.samples_per_second, "train/waiting": pace.waiting})

    def begin(self, first: int) -> None:
        """Cut away what was logged after the steps made, to be logged again.

        Of a run without steps left, what was logged of the last step is written anew: scoring may have begun.
        """
        left = first < self._run.recipe.train.steps
        self._run.scalars.resume(first if left else first - 1)
        if not left and self._last.get("step") == first:
            self._log({})

    def state(self) -> dict[str, Any]:
        """JSON values for a checkpoint."""
        return {"last": self._last, "losses": self._window.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with those of a checkpoint."""
        self._last = dict(state["last"])
        self._window.restore(state["losses"])

    def _scalars(self, step: int) -> dict[str, float]:
        means = self._window.means()
        tasks = [task for task in self._run.recipe.tasks if task in means]
        losses = {f"train/{name}/loss": means[name] for name in [*tasks, *sorted(means.keys() - set(tasks))]}
        return {**losses, "train/rate": rate_at(step - 1, self._run.recipe.train)}

    def _log(self, pace: Mapping[str, float]) -> None:
        if self._run.is_main:
            self._run.scalars.log(self._last["step"], {**self._last["scalars"], **pace})
