"""The hooks of a plugin. Declaring hooks return data; run hooks act, once per step and never per sample.

A plugin is one cheap module or object found through the entry-point group `multigraft.v2`. Hooks may take fewer
arguments than their specification; arguments are only ever added. docs/plugins.md shows each hook in use.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from torch import Tensor

    from multigraft.core.interfaces.run import Run
    from multigraft.core.registry.component import Command, Component, RecipeFolder
    from multigraft.core.types.batch import Batch

ENTRY_POINT_GROUP = "multigraft.v2"

hookspec = pluggy.HookspecMarker("multigraft")
hookimpl = pluggy.HookimplMarker("multigraft")


class DeclaringHooks:
    """Called once, when plugins are loaded. Return components; import nothing heavy."""

    @hookspec
    def register_visual_encoders(self) -> "Iterable[Component]":
        """Encoders of pictures and frames (`VisualEncoder` in interfaces/encoder.py)."""
        raise NotImplementedError

    @hookspec
    def register_encoders(self) -> "Iterable[Component]":
        """Encoders of sound and of any other modality (`Encoder` in interfaces/encoder.py)."""
        raise NotImplementedError

    @hookspec
    def register_backbones(self) -> "Iterable[Component]":
        """Language models (interfaces/backbone.py)."""
        raise NotImplementedError

    @hookspec
    def register_prompt_generators(self) -> "Iterable[Component]":
        """Visual tokens to a visual prompt (interfaces/prompt.py)."""
        raise NotImplementedError

    @hookspec
    def register_adapters(self) -> "Iterable[Component]":
        """Adapter variants (interfaces/adapter.py)."""
        raise NotImplementedError

    @hookspec
    def register_sharing(self) -> "Iterable[Component]":
        """Sharing rules (interfaces/sharing.py)."""
        raise NotImplementedError

    @hookspec
    def register_objectives(self) -> "Iterable[Component]":
        """Losses (interfaces/objective.py)."""
        raise NotImplementedError

    @hookspec
    def register_evaluators(self) -> "Iterable[Component]":
        """How held-out rows are answered (interfaces/evaluator.py)."""
        raise NotImplementedError

    @hookspec
    def register_inputs(self) -> "Iterable[Component]":
        """Bytes to media (interfaces/input.py)."""
        raise NotImplementedError

    @hookspec
    def register_video_decoders(self) -> "Iterable[Component]":
        """The frames of clips (interfaces/video_decoder.py)."""
        raise NotImplementedError

    @hookspec
    def register_tasks(self) -> "Iterable[Component]":
        """Tasks (interfaces/task.py)."""
        raise NotImplementedError

    @hookspec
    def register_metrics(self) -> "Iterable[Component]":
        """Scores (interfaces/metric.py)."""
        raise NotImplementedError

    @hookspec
    def register_samplers(self) -> "Iterable[Component]":
        """How many samples of each task a batch holds (interfaces/sampler.py)."""
        raise NotImplementedError

    @hookspec
    def register_search_strategies(self) -> "Iterable[Component]":
        """Which arms a search trains and scores (interfaces/search_strategy.py)."""
        raise NotImplementedError

    @hookspec
    def register_sources(self) -> "Iterable[Component]":
        """Annotations from files that are no shards (interfaces/source.py)."""
        raise NotImplementedError

    @hookspec
    def register_answer_formats(self) -> "Iterable[Component]":
        """Answers as leaderboards take them (interfaces/answer_format.py)."""
        raise NotImplementedError

    @hookspec
    def register_loggers(self) -> "Iterable[Component]":
        """Where scalars go (interfaces/logger.py)."""
        raise NotImplementedError

    @hookspec
    def register_engines(self) -> "Iterable[Component]":
        """Where pieces of work are done, such as on a cluster (interfaces/engine.py)."""
        raise NotImplementedError

    @hookspec
    def register_recipes(self) -> "Iterable[RecipeFolder]":
        """Packages with runnable recipes."""
        raise NotImplementedError

    @hookspec
    def register_commands(self) -> "Iterable[Command]":
        """Commands of the command line, imported when called."""
        raise NotImplementedError


class RunHooks:
    """Called during a run. An exception stops the run and names the plugin."""

    @hookspec
    def run_started(self, run: "Run") -> None:
        """The model, the stream and the loggers exist; no step was made yet."""

    @hookspec
    def batch_loaded(self, run: "Run", step: int, batch: "Batch") -> None:
        """A batch was collated; it is about to go through the trunk."""

    @hookspec(firstresult=True)
    def loss_computed(self, run: "Run", step: int, losses: "Mapping[str, Tensor]") -> "Tensor | None":
        """Each task's mean loss of this step; return a scalar tensor to train on it instead of the weighted sum."""

    @hookspec
    def step_ended(self, run: "Run", step: int, losses: Mapping[str, float]) -> None:
        """The optimizer has stepped. `losses` holds the mean loss of each task in the batch."""

    @hookspec
    def evaluated(self, run: "Run", step: int, task: str, scores: Mapping[str, Any]) -> None:
        """One task was scored."""

    @hookspec
    def checkpoint_saving(self, run: "Run", step: int, state: dict[str, Any]) -> None:
        """Put plain JSON values under your plugin's name into `state`; they come back at `checkpoint_loaded`."""

    @hookspec
    def checkpoint_loaded(self, run: "Run", step: int, state: Mapping[str, Any]) -> None:
        """A run goes on from a checkpoint."""

    @hookspec
    def run_ended(self, run: "Run", error: BaseException | None) -> None:
        """The run is over, well (`error` is None) or not; `run.results` is what results.json will hold."""


DECLARING = tuple(name for name in vars(DeclaringHooks) if name.startswith("register_"))
KINDS = tuple(
    name.removeprefix("register_") for name in DECLARING if name not in ("register_recipes", "register_commands")
)
HOOKS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(function).parameters)[1:]
    for hooks in (DeclaringHooks, RunHooks)
    for name, function in vars(hooks).items()
    if not name.startswith("_")
}
"""The arguments of every hook, by its name."""
RUN_HOOKS = tuple(name for name in vars(RunHooks) if not name.startswith("_"))
