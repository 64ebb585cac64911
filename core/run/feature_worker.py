"""Feature shards made by the workers of an engine, each with encoders of its own."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from multigraft.core.data.encoding import MakeShards
from multigraft.core.data.shard_encoding import Made, ShardEncoder
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.wanted_media import ShardWork
from multigraft.core.interfaces.engine import Engine, Worker
from multigraft.core.model.trunk import build_encoder, pooled_as_stored
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry, load_registry
from multigraft.core.run.distributed import join_processes
from multigraft.core.run.run_data import RunData

_WORK, _MADE = TypeAdapter(ShardWork), TypeAdapter(Made)


@dataclass(frozen=True)
class FeatureWorker:
    """What a worker must know to encode media of a modality; called, it builds the encoder."""

    recipe: str
    """As JSON."""
    modality: str
    plugin_files: tuple[str, ...]
    plugins_off: tuple[str, ...]
    folder: str
    """Where relative paths of the recipe start."""
    home: str = ""
    """Folder of the features."""

    @classmethod
    def of(cls, recipe: Recipe, registry: Registry, modality: str) -> "FeatureWorker":
        """That of a recipe which was loaded here."""
        files = tuple(os.path.abspath(each.source) for each in registry.plugins if each.from_file)
        off = tuple(each.name for each in registry.plugins if each.state == "off")
        return cls(recipe.model_dump_json(), modality, files, off, os.getcwd())

    def __call__(self) -> Worker:
        """Load plugins and the encoder."""
        os.chdir(self.folder)
        registry = load_registry([Path(each) for each in self.plugin_files], self.plugins_off)
        recipe = Recipe.model_validate_json(self.recipe, context={"registry": registry})
        encoder = pooled_as_stored(recipe, self.modality, build_encoder(recipe, registry, self.modality))
        encoder.to(join_processes(recipe.device).device)
        data = RunData(recipe, registry, {}, SkippedLog(None, 1.0))
        form = recipe.data.feature_form
        shards = ShardEncoder(
            Path(self.home), encoder, data.inputs_of(self.modality), data.workers, _tell, form.store if form else "bf16"
        )

        def encode(text: str) -> str:
            work = _WORK.validate_json(text)
            shard = data.reached(work.address) if work.address else None
            return _MADE.dump_json(shards.encode(work, shard=shard)).decode()

        return encode

    def by(self, engine: Engine) -> MakeShards:
        """Have an engine's workers make feature shards."""

        def make(home: Path, work: Sequence[ShardWork], advance: Callable[[int], None]) -> Iterator[tuple[int, Made]]:
            texts = [_WORK.dump_json(replace(each, shard=each.shard.absolute())).decode() for each in work]
            for number, answer in engine.run(replace(self, home=str(home.absolute())), texts):
                yield number, _MADE.validate_json(answer)

        return make


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
