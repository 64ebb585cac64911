"""Grafts of different methods in one batch: one pass through the trunk, and each row has what its graft alone gives."""

from dataclasses import replace

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.together import run_together
from multigraft.core.model.trunk import build_trunk
from multigraft.core.options.options import Decoding

GRAFTS = {
    "wide": {"adapters": [{"kind": "bottleneck", "width": 4}], "sharing": "half-shared", "train": {"norms": True}},
    "low": {
        "adapters": [{"kind": "lora", "rank": 2}, {"kind": "prefix", "tokens": 3, "sites": {"stack": ["encoder"]}}],
        "sharing": "per-task",
    },
    "plain": {"adapters": [{"kind": "ia3"}], "train": {"norms": True, "sharing": "per-task"}},
}
LINEAR = {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4}
PROMPTS = {"wide": LINEAR, "low": [{**LINEAR, "layer": 1}], "plain": [LINEAR, {"kind": "learned", "tokens": 3}]}


@pytest.fixture(scope="module", params=["T5", "BART", "DECODER"])
def models(request, tiny, tiny_recipe, registry):
    """Three grafts over one trunk, moved away from their start."""
    own = getattr(tiny, request.param)
    trunk, made, generator = build_trunk(tiny_recipe(backbone=own), registry), {}, torch.Generator().manual_seed(3)
    for name, graft in GRAFTS.items():
        if request.param == "DECODER" and name == "low":
            graft = {**graft, "adapters": [{"kind": "lora", "rank": 2}, {"kind": "prefix", "tokens": 3}]}
        sections = {**tiny_recipe(backbone=own).model_dump()["trunk"], "prompt": PROMPTS[name]}
        model = build_model(tiny_recipe(backbone=own, trunk=sections, graft=graft), registry, trunk)
        allocate(model, torch.device("cpu"))
        with torch.no_grad():
            for value in model.graft.bank.trained().values():
                value.add_(0.4 * torch.randn(value.shape, generator=generator))
        made[name] = model
    return made


@pytest.fixture
def mixed(models, samples, batch_of):
    """Each sample through one graft, and some through two; text alone too."""
    names = list(models)
    rows = [replace(sample, graft=names[number % 3]) for number, sample in enumerate(samples)]
    rows += [replace(samples[0], graft="low"), replace(samples[6], graft="wide", media=())]
    return batch_of(models["wide"], rows), rows


def alone(models, batch_of, row):
    own = replace(row, graft="")
    return models[row.graft].run(batch_of(models["wide"], [own]), training=False)[row.task]


def of_each_row(outputs, batch, read):
    """`read` of each row's segment, by graft and annotation."""
    found = {}
    for segment, own in outputs.items():
        for number, value in zip(segment.numbers, read(own), strict=True):
            found[segment.graft, batch.samples[number].annotation.id, bool(batch.samples[number].media)] = value
    return found


@pytest.mark.parametrize("beams", [1, 3])
def test_each_row_has_the_output_of_its_graft(beams, models, mixed, batch_of):
    batch, rows = mixed
    decoding = Decoding(beams=beams, max_tokens=6)
    together = of_each_row(run_together(models, batch, False), batch, lambda own: own.generate(decoding))
    assert len(together) == len(rows)
    for row in rows:
        expected = alone(models, batch_of, row).generate(decoding)[0]
        assert together[row.graft, row.annotation.id, bool(row.media)] == expected
    assert len(set(together.values())) > 2


def test_each_row_has_the_states_and_gradients_of_its_graft(models, mixed, batch_of):
    batch, rows = mixed
    outputs = run_together(models, batch, training=True)
    lengths = (batch.texts["target"].ids != -100).sum(1)
    total = sum(own.hidden()[n, : lengths[row]].square().sum() for segment, own in outputs.items()
                for n, row in enumerate(segment.numbers))  # fmt: skip
    apart = 0.0
    for row in rows:
        own = models[row.graft].run(batch_of(models["wide"], [replace(row, graft="")]), training=True)[row.task]
        apart = apart + own.hidden()[0].square().sum()
    torch.testing.assert_close(total, apart, rtol=1e-5, atol=1e-4)
    trained = [value for model in models.values() for value in model.graft.bank.trained().values()]
    found, expected = (torch.autograd.grad(loss, trained, allow_unused=True) for loss in (total, apart))
    assert sum(gradient is not None for gradient in found) > 50
    scale = max(gradient.abs().max() for gradient in expected if gradient is not None)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if other is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5 * float(scale))


def test_the_trunk_is_passed_once(models, mixed):
    batch, _ = mixed
    calls = []
    layers = [layer for stack in models["wide"].backbone.stacks.values() for layer in stack.layers]
    hooks = [layer.register_forward_hook(lambda layer, given, made: calls.append(layer)) for layer in layers]
    for own in run_together(models, batch, False).values():
        own.hidden()
    for hook in hooks:
        hook.remove()
    assert sorted(map(id, calls)) == sorted(map(id, layers))


def test_a_model_of_one_graft_takes_rows_that_name_it_and_no_others(models, samples, batch_of):
    model = models["wide"]
    plain, named = (
        model.run(batch_of(model, [replace(each, graft=name) for each in samples]), False) for name in ("", "x")
    )
    for task, outputs in plain.items():
        torch.testing.assert_close(named[task].hidden(), outputs.hidden())
    with pytest.raises(MultigraftError, match="rows go through the graft 'y', and there is 'x' alone"):
        model.run(batch_of(model, [replace(samples[0], graft="x"), replace(samples[1], graft="y")]), False)


def test_a_graft_over_another_trunk_is_refused(models, mixed, tiny_model):
    with pytest.raises(MultigraftError, match="graft 'other' has a trunk of its own, and a batch goes through one"):
        run_together({**models, "other": tiny_model()}, mixed[0], False)
