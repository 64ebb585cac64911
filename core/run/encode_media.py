"""Running the frozen encoders of a recipe once over its media, without a training."""

from collections.abc import Collection
from typing import Annotated

import yaml
from pydantic import TypeAdapter, ValidationError

from multigraft.core.data.encoding import StoredFeatures
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.engine import Engine
from multigraft.core.model.trunk import build_encoders
from multigraft.core.options.base import Options
from multigraft.core.options.component_field import Registered
from multigraft.core.options.words import told_of
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.splits import splits_of
from multigraft.core.registry.registry import Registry
from multigraft.core.run.distributed import join_processes
from multigraft.core.run.feature_storing import store_features
from multigraft.core.run.feature_worker import FeatureWorker
from multigraft.core.run.run_data import RunData
from multigraft.core.suggest import did_you_mean

_ENGINE: TypeAdapter[Options] = TypeAdapter(Annotated[Options, Registered("engines")])


def check_encodable(recipe: Recipe, splits: Collection[str]) -> None:
    """Whether a recipe has something to encode.

    Raises:
        MultigraftError: it stores no features, has no encoder, or has no such split.
    """
    if not recipe.data.features:
        raise MultigraftError(
            "`data.features` is false, so no training of this recipe would read stored features; "
            "add `--set data.features=true`, to the training as well"
        )
    if not recipe.trunk.modalities:
        raise MultigraftError("this recipe has no `trunk.encoder`, so there is nothing to encode")
    for split in splits:
        if split not in (known := splits_of(recipe)):
            raise MultigraftError(f"no task has a split {split!r}; {did_you_mean(split, known)}")


def engine_of(text: str, registry: Registry) -> Engine:
    """The engine that a text names, as a recipe would: `ray`, or `{kind: ray, workers: 4}`.

    Raises:
        MultigraftError: no plugin has it, its options are wrong, or what it needs is not installed.
    """
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:
        raise MultigraftError(f"--engine {text}: not YAML") from None
    try:
        options = _ENGINE.validate_python(given, context={"registry": registry})
    except ValidationError as error:
        raise MultigraftError(f"--engine {text}: {told_of(error, given)}") from None
    engine: Engine = registry.build("engines", options)
    return engine


def encode_media(
    recipe: Recipe, registry: Registry, splits: Collection[str] = (), engine: Engine | None = None
) -> dict[str, StoredFeatures]:
    """Encode the media of a recipe that was checked, as its training does when it begins; by modality.

    Args:
        splits: those to encode; all if left out.
        engine: whose workers encode; this process does if left out.
    """
    accelerator = join_processes(recipe.device)
    encoders = build_encoders(recipe, registry)
    for encoder in encoders.values():
        encoder.to(accelerator.device)
    preparations = {modality: encoder.preparation() for modality, encoder in encoders.items()}
    data = RunData(recipe, registry, preparations, SkippedLog(None, 1.0))
    try:
        workers = {modality: FeatureWorker.of(recipe, registry, modality) for modality in encoders if engine}
        makers = {modality: worker.by(engine) for modality, worker in workers.items() if engine}
        return store_features(data, encoders, accelerator, splits, makers)
    finally:
        data.close()
