"""Several grafts over one trunk: a batch of rows of all of them goes through the trunk once."""

from collections.abc import Mapping
from dataclasses import replace

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.graft.side import SideOfStack
from multigraft.core.model.batch_passes import BatchPasses
from multigraft.core.model.model import Model, evaluator_outputs
from multigraft.core.model.outputs import SegmentOutputs
from multigraft.core.model.values import Values
from multigraft.core.types.batch import Batch, Segment
from multigraft.core.types.need import EVERYTHING, Need


def run_together(models: Mapping[str, Model], batch: Batch, training: bool) -> dict[Segment, SegmentOutputs]:
    """The passes of a batch whose rows name their graft (`Sample.graft`), for the objective of each segment.

    Grafts may differ in methods, sharing, prompts and the layers that these enter, and heads.

    Args:
        models: by the names of their grafts; all over the same backbone and encoders.

    Raises:
        MultigraftError: they have different trunks or precisions.
    """
    first = next(iter(models.values()))
    for name, model in models.items():
        if model.backbone is not first.backbone or model.encoders != first.encoders:
            raise MultigraftError(f"graft {name!r} has a trunk of its own, and a batch goes through one trunk")
        if model.precision != first.precision:
            raise MultigraftError(f"graft {name!r} is computed in {model.precision}, and others in {first.precision}")
    for name, model in models.items():
        if _trunk_precision(model) != _trunk_precision(first):
            raise MultigraftError(
                f"the trunk of graft {name!r} is computed in {_trunk_precision(model)}, and that of others in "
                f"{_trunk_precision(first)}; ask them apart, or train the one beside a side network with "
                "`trunk_precision: same`"
            )
    prompts = [replace(prompt, graft=name) for name, model in models.items() for prompt in model.prompts]
    grafts = {name: model.graft for name, model in models.items()}
    values = Values(
        make_interceptor(grafts, batch.segments, training),
        lambda: make_interceptor(grafts, batch.segments, False),
        *(graft.bank for graft in grafts.values()),
    )
    trunk = replace(first.trunk, prompts=tuple(prompts))
    needs = {segment: _needs(models[segment.graft], segment.task) for segment in batch.segments}
    passes = BatchPasses(trunk, batch, needs, values)
    return {segment: evaluator_outputs(models[segment.graft], passes, segment) for segment in batch.segments}


def _trunk_precision(model: Model) -> str:
    """What the layers of the trunk are computed in."""
    networks = [each.adapter.network for each in model.graft.attachments() if isinstance(each.adapter, SideOfStack)]
    halved = any(network.trunk_precision == "bf16" for network in networks)
    return "bf16" if halved else model.precision


def _needs(model: Model, task: str) -> set[Need]:
    """What answers, scores and vectors may read of a task's rows; what is not asked for is not made."""
    return {need for need in {*EVERYTHING, *model.needs_of(task)} if need.view.values == "student"}
