"""Storing the features of a run's media, in one process for all."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from multigraft.core.atomic import writing
from multigraft.core.run.progress_bar import ProgressBar

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.data.encoding import MakeShards, StoredFeatures
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.run.run_data import RunData


def store_features(
    data: "RunData",
    encoders: Mapping[str, "Encoder"],
    accelerator: "Accelerator",
    splits: Collection[str] = (),
    makers: "Mapping[str, MakeShards]" = MappingProxyType({}),
) -> dict[str, "StoredFeatures"]:
    """Encode what is not stored yet, of some splits or of all; the first process does it, the others find it there."""
    with accelerator.main_process_first(), ProgressBar("encoding media") as bar, writing(data.features_folder):
        return data.store_features(encoders, bar.update, accelerator.is_local_main_process, splits, makers)
