"""Whether an objective keeps its contract: tried over a tiny random trunk, with rows of a picture each."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isclose, isfinite
from typing import Any

import torch
from torch import Tensor

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.evaluator import Evaluator, Said
from multigraft.core.interfaces.objective import Head, Objective, RowShape, TaskBatch, TaskOutputs
from multigraft.core.model.model import Features, Model, SharedFeatures
from multigraft.core.model.task_objective import ObjectiveLoss, shapes_of
from multigraft.core.options.base import Options
from multigraft.core.testing.needs import wrong_needs
from multigraft.core.testing.starts import wrong_starts
from multigraft.core.testing.tiny_model import TARGETS, TASK, batch_of, tiny_model, tiny_rows, tiny_samples
from multigraft.core.testing.tiny_trunk import TinyBackbone, TinyEncoder
from multigraft.core.types.preparation import VISUAL
from multigraft.core.types.row import Row, TextRow

_ROWS = 4
_CLOSE = 1e-3


def wrong_objective(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options; an objective that refuses both a backbone that
    predicts targets and one that does not is not tried."""
    objective = build(options)
    if not isinstance(objective, Objective):
        yield f"`build` gives {type(objective).__name__}, no Objective"
        return
    problems = list(wrong_needs(objective.needs))
    fitting = [each for each in map(TinyBackbone, (True, False)) if objective.refuse_backbone(each) is None]
    if fitting and not problems:
        problems += _wrong_modules(objective, fitting[0])
        problems += _wrong_preparation(objective, fitting[0])
    yield from problems
    if fitting and not problems and not objective.borrows and not objective.refuse(TARGETS):
        yield from _wrong_over(objective, fitting[0])


def _wrong_modules(objective: Objective, backbone: Backbone) -> Iterator[str]:
    with torch.device("meta"):
        heads = objective.modules(shapes_of(backbone, {VISUAL: TinyEncoder()}))
    for name, head in heads.items():
        if not isinstance(head, Head):
            yield f"its module {name!r} is {type(head).__name__}, no Head"
        elif not all(parameter.is_meta for parameter in head.parameters()):
            yield f"its module {name!r} takes memory on the meta device"
        else:
            yield from (f"in its module {name!r} {line}" for line in wrong_starts(head, head.initial))


def _wrong_preparation(objective: Objective, backbone: Backbone) -> Iterator[str]:
    row = tiny_rows(backbone, tiny_samples(1))[0]
    for seed in (1, None):
        first, again = (
            objective.prepare(row, None if seed is None else random.Random(seed), backbone.vocabulary) for _ in range(2)
        )
        if not isinstance(first, Row) or first.sample is not row.sample:
            yield "`prepare` gives no row of the same sample"
            return
        if not _same(first.texts, again.texts):
            yield f"`prepare` gives another row when called again with {'the same draw' if seed else 'no draw'}"
        yield from _wrong_texts(first.texts)
        lacking = {need.view.text for need in objective.needs} - first.texts.keys()
        if lacking:
            yield f"it reads the text {min(lacking)!r}, and `prepare` gives a row no such text"


def _same(texts: Mapping[str, TextRow], others: Mapping[str, TextRow]) -> bool:
    pairs = [(texts[name], others[name]) for name in texts] if texts.keys() == others.keys() else []
    equal = all(torch.equal(one.ids, other.ids) and str(one.labels) == str(other.labels) for one, other in pairs)
    return equal and len(pairs) == len(texts)


def _wrong_texts(texts: Mapping[str, TextRow]) -> Iterator[str]:
    for name, text in texts.items():
        if text.ids.dim() != 1 or text.ids.is_floating_point():
            yield f"`prepare` gives the text {name!r} ids {tuple(text.ids.shape)} {text.ids.dtype}, not whole (tokens,)"
        elif text.labels is not None and text.labels.shape != text.ids.shape:
            yield f"`prepare` gives the text {name!r} {len(text.ids)} ids and labels {tuple(text.labels.shape)}"


def _wrong_over(objective: Objective, backbone: Backbone) -> Iterator[str]:
    samples = tiny_samples(max(_ROWS, objective.least_rows))
    rows = tiny_rows(backbone, samples, [objective.prepare])
    problems = list(_wrong_denominators(objective, rows))
    model = tiny_model(backbone, objective)
    features: list[Features] = []
    called = _calls(model)
    loss = _loss(model, rows, features)
    problems += _wrong_loss(objective, model, loss, len(rows))
    yield from problems or _wrong_gradients(model, loss, called)
    for own in features:
        shapes = objective.feature_shapes(model.shapes)
        yield from _wrong_shapes("`features`", own[TASK, "it"], shapes, len(rows))
    if not problems:
        yield from _wrong_sum(objective, model, rows, loss)
        yield from _wrong_scores(objective, backbone, rows)


def _calls(model: Model) -> set[str]:
    """Names of the objective's modules, filled as they are called."""
    called: set[str] = set()
    for name, own in model.objectives[TASK][0].modules.items():
        own.module.register_forward_hook(lambda *_, name=name: called.add(name))
    return called


def _loss(model: Model, rows: Sequence[Row], features: list[Features]) -> ObjectiveLoss:
    """Of all rows; what is drawn is the same each time."""

    def share(own: Features) -> SharedFeatures:
        features.extend([own] if own else [])
        return {key: (each, 0) for key, each in own.items()}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model.losses(batch_of(rows), training=True, share=share)[TASK][0]


def _wrong_denominators(objective: Objective, rows: Sequence[Row]) -> Iterator[str]:
    whole = objective.denominator(rows)
    if not isinstance(whole, int | float) or not isfinite(whole) or whole < 0:
        yield f"its denominator of {len(rows)} rows is {whole!r}, no finite number"
    elif objective.splittable:
        alone = sum(objective.denominator([row]) for row in rows)
        if not isclose(alone, whole, rel_tol=_CLOSE):
            yield f"its denominator of {len(rows)} rows is {whole:g}, and {alone:g} of each alone, added up"


def _wrong_loss(objective: Objective, model: Model, loss: ObjectiveLoss, rows: int) -> Iterator[str]:
    if not isinstance(loss.sum, Tensor) or loss.sum.shape != () or not loss.sum.isfinite():
        yield f"its loss is {loss.sum!r}, no finite scalar"
        return
    if set(loss.parts) != set(objective.parts):
        yield f"its loss shows the parts {sorted(loss.parts)}, and `parts` says {sorted(objective.parts)}"
    if not loss.sum.requires_grad:
        yield "no gradient reaches anything that is trained"
    yield from _wrong_shapes("`Loss.append`", loss.append, objective.append_shapes(model.shapes), rows)
    yield from _wrong_advance(objective, model, loss.append)


def _wrong_gradients(model: Model, loss: ObjectiveLoss, called: Collection[str]) -> Iterator[str]:
    """Modules that the loss never calls, and none that it moves; one that it calls may be trained by another."""
    modules = model.objectives[TASK][0].modules
    for name in modules:
        if name not in called:
            yield f"its module {name!r} is never called by its loss"
    trained = model.graft.bank.trained()
    own = [trained[key] for module in modules.values() for key in module.keys[TASK].values() if key in trained]
    gradients = torch.autograd.grad(loss.sum, own, retain_graph=True, allow_unused=True) if own else ()
    if own and all(gradient is None for gradient in gradients):
        yield "no gradient reaches any of its modules"


def _wrong_shapes(what: str, found: Mapping[str, Tensor], told: Mapping[str, RowShape], rows: int) -> Iterator[str]:
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in found.items()}
    wanted = {name: ((rows, *shape), dtype) for name, (shape, dtype) in told.items()}
    if shapes != wanted:
        yield f"{what} is {shapes}, and its shapes of rows say {wanted}"


def _wrong_advance(objective: Objective, model: Model, append: Mapping[str, Tensor]) -> Iterator[str]:
    state = dict(model.objectives[TASK][0].state)
    before = {name: value.clone() for name, value in state.items()}
    if not append:
        return
    moved = objective.advance(state, {name: value.detach() for name, value in append.items()})
    forms = [{name: (value.shape, value.dtype) for name, value in each.items()} for each in (before, moved)]
    if forms[0] != forms[1]:
        yield f"`advance` gives {sorted(moved)}, or other shapes or dtypes than the state {sorted(before)} has"
    if any(not torch.equal(value, before[name]) for name, value in state.items()):
        yield "`advance` writes into the state that it is given"


def _wrong_sum(objective: Objective, model: Model, rows: Sequence[Row], loss: ObjectiveLoss) -> Iterator[str]:
    heavy = [replace(row, sample=replace(row.sample, example=replace(row.sample.example, weight=2.0))) for row in rows]
    doubled = _loss(model, heavy, []).sum
    if not torch.allclose(doubled, 2 * loss.sum, rtol=_CLOSE, atol=1e-6):
        yield f"rows of weight 2 have the loss {doubled.item():g}, not twice the {loss.sum.item():g} of weight 1"
    if objective.splittable and objective.least_rows == 1:
        alone = torch.stack([_loss(model, [row], []).sum for row in rows]).sum()
        if not torch.allclose(alone, loss.sum, rtol=_CLOSE, atol=1e-6):
            told = f"{loss.sum.item():g}, and {alone.item():g} of each alone, added up"
            yield f"its loss of {len(rows)} rows is {told}; say `splittable = False` if rows see each other"


class _Probe(Evaluator):
    """Asks the objective for what evaluators may ask it."""

    def __init__(self, objective: Objective) -> None:
        self.objective, self.needs, self.wrong = objective, objective.needs, list[str]()

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """Nothing; what is wrong is kept."""
        count, objective = len(rows.rows), self.objective
        if objective.labels:
            scores = objective.label_scores(rows, outputs)
            if scores.shape != (count, len(objective.labels)) or not _close(scores.exp().sum(1), 1.0):
                self.wrong.append("`label_scores` are no log-probabilities of its labels, (rows, labels)")
        if objective.embeds:
            found = objective.embeddings(rows, outputs)
            if not set(objective.embeds) <= found.keys():
                self.wrong.append(f"`embeddings` gives {sorted(found)}, and `embeds` says {sorted(objective.embeds)}")
            for name, vectors in found.items():
                if vectors.dim() != 2 or len(vectors) != count or not _close(vectors.norm(dim=1), 1.0):
                    self.wrong.append(f"`embeddings` gives {name} vectors that are not (rows, width) of length 1")
        return [Said()] * count


def _wrong_scores(objective: Objective, backbone: Backbone, rows: Sequence[Row]) -> list[str]:
    probe = _Probe(objective)
    tiny_model(backbone, objective, probe).answers(batch_of(rows))
    return probe.wrong


def _close(values: Tensor, to: float) -> bool:
    return torch.allclose(values.float(), torch.full_like(values.float(), to), atol=_CLOSE)
