"""Norms and biases of the trunk that are trained: a mixed batch gives what its samples give alone, by every rule."""

import json

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.errors import OptionError
from multigraft.core.model.summary import summarize_model
from multigraft.core.options.options import Decoding

BACKBONES = ("T5", "BART", "SAPLING")
RULES = {
    "single": {"kind": "single"},
    "per-task": {"kind": "per-task"},
    "groups": {"kind": "groups", "groups": {"pictures": ["vqa", "captions"], "rest": ["statements", "videos"]}},
    "half-shared": {"kind": "half-shared", "shared": ["weight"]},
}
TASKS = {f"task:{name}" for name in ("vqa", "statements", "captions", "videos")}
GROUPS = {"group:pictures", "group:rest"}
SCOPES = {
    "single": {"weight": {"shared"}, "bias": {"shared"}},
    "per-task": {"weight": TASKS, "bias": TASKS},
    "groups": {"weight": GROUPS, "bias": GROUPS},
    "half-shared": {"weight": {"shared"}, "bias": TASKS},
}
CASES = [
    (backbone, biases, rule)
    for backbone in BACKBONES
    for biases in (False, True)
    for rule in RULES
    if backbone != "T5" or rule != "half-shared"
]
"""All but halves of T5's, whose norms and tables of relative biases are weights alone."""


def sections(rule, biases):
    return {"graft": {"adapters": [], "train": {"norms": True, "biases": biases, "sharing": rule}}}


@pytest.fixture
def backbone_of(tiny):
    return {"T5": tiny.T5, "BART": tiny.BART, "SAPLING": {"kind": "sapling"}}.__getitem__


def sums_and_gradients(model, batch):
    sums = {task: loss.sum for task, (loss,) in model.losses(batch, training=True).items()}
    trained = list(model.graft.bank.trained().values())
    return sums, torch.autograd.grad(torch.stack(list(sums.values())).sum(), trained, allow_unused=True)


@pytest.mark.parametrize(("backbone", "biases", "rule"), CASES)
def test_alone_and_in_a_mixed_batch(backbone, biases, rule, backbone_of, tiny_model, samples, batch_of):
    """The bias of a key adds the same to all scores of a query: its gradient is zero but for rounding."""
    model = tiny_model("single", backbone_of(backbone), **sections(RULES[rule], biases))
    alone = [sums_and_gradients(model, batch_of(model, [each])) for each in samples]
    sums, gradients = sums_and_gradients(model, batch_of(model, samples))
    for task, whole in sums.items():
        assert whole.item() == pytest.approx(sum(own[task].item() for own, _ in alone if task in own), rel=1e-5)
    rounding = 1e-6 * max(float(each.abs().max()) for each in gradients)
    for key, whole, *pieces in zip(model.graft.bank.trained(), gradients, *(found for _, found in alone), strict=True):
        total = torch.stack([piece for piece in pieces if piece is not None]).sum(0)
        assert_close(whole, total, atol=5e-5 * float(total.abs().max()) + rounding, rtol=1e-4, msg=key.text)

    def texts(some):
        outputs = model.run(batch_of(model, some), training=False).values()
        return [text for each in outputs for text in each.generate(Decoding(beams=3, max_tokens=6))]

    assert texts(samples) == [text for each in samples for text in texts([each])]


def test_the_biases_of_t5_are_its_tables_of_relative_positions(backbone_of, tiny_model, samples, batch_of):
    """32 buckets and 2 heads a stack; moved for one task, all its rows attend otherwise, and no other task's."""
    graft = {"adapters": [], "train": {"biases": True, "sharing": RULES["per-task"]}}
    model = tiny_model("single", backbone_of("T5"), graft=graft)
    keys = [key for key in model.graft.bank.trained() if key.part == "biases.weight"]
    assert sorted({key.owner.site_scope for key in keys}) == ["decoder.relative-biases", "encoder.relative-biases"]
    assert {tuple(model.graft.bank[key].shape) for key in keys} == {(32, 2)}
    for stack in ("encoder", "decoder"):
        before = sums_and_gradients(model, batch_of(model, samples))[0]
        with torch.no_grad():
            own = next(key for key in keys if key.text.startswith(f"task:vqa/{stack}.relative-biases/"))
            model.graft.bank[own].add_(torch.randn(32, 2, generator=torch.Generator().manual_seed(0)))
        after = sums_and_gradients(model, batch_of(model, samples))[0]
        assert {task for task in before if before[task].item() != after[task].item()} == {"vqa"}


@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_of_chosen_stacks_alone(stack, backbone_of, tiny_model):
    graft = {"adapters": [], "train": {"norms": {"stack": [stack]}, "biases": {"stack": [stack], "layer": [1]}}}
    found = tiny_model("single", backbone_of("BART"), graft=graft).graft.sites
    norms = {"encoder": 1 + 2 * 2, "decoder": 1 + 2 * 3}[stack]
    projections = {"encoder": 4 + 2, "decoder": 4 + 4 + 2}[stack]
    assert len([name for name in found if name.endswith("norm")]) == norms
    assert len(found) == norms + projections
    assert all(name.startswith(stack) for name in found)


@pytest.mark.parametrize("rule", ["per-task", "half-shared"])
def test_tasks_have_their_own(rule, backbone_of, tiny_model, samples, batch_of):
    model = tiny_model("single", backbone_of("BART"), **sections(RULES[rule], biases=True))
    before = {task: loss.sum.item() for task, (loss,) in model.losses(batch_of(model, samples), training=False).items()}
    with torch.no_grad():
        for key, value in model.graft.bank.trained().items():
            if key.owner.task_scope == "task:vqa":
                value.add_(0.5)
    after = {task: loss.sum.item() for task, (loss,) in model.losses(batch_of(model, samples), training=False).items()}
    assert {task for task in before if before[task] != after[task]} == {"vqa"}


@pytest.mark.parametrize("rule", RULES)
def test_owners_are_listed(rule, registry, backbone_of, tiny_recipe):
    recipe = tiny_recipe("single", backbone_of("BART"), **sections(RULES[rule], biases=True))
    found = {}
    for row in summarize_model(recipe, registry).owners:
        method, _, part = row.part.partition(".")
        if method in ("norms", "biases"):
            found.setdefault(part, set()).add(row.owner)
    assert found == SCOPES[rule]


def test_show_lists_owners(command, recipe_file):
    change = "graft.train={norms: true, sharing: per-task}"
    shown = command("show", recipe_file, "--set", change, "--json")
    rows = [row for row in json.loads(shown.stdout)["owners"] if row["part"] == "norms.weight"]
    assert [row["owner"] for row in rows] == ["task:vqa", "task:statements", "task:captions", "task:videos"]
    assert {row["tensors"] for row in rows} == {2 * 2 + 2 * 3 + 2}


@pytest.mark.parametrize("backbone", BACKBONES)
def test_hypernetworks_are_refused(backbone, backbone_of, tiny, tiny_model):
    with pytest.raises(
        OptionError, match=r"graft\.train\.norms: .* by a hypernetwork can do so for adapters alone"
    ) as seen:
        tiny_model("single", backbone_of(backbone), **sections(tiny.SHARING["hypernetwork"], biases=False))
    assert seen.value.location == ("graft", "train", "sharing")


def test_half_of_norms_that_are_weights_alone_is_refused(tiny, tiny_model):
    with pytest.raises(OptionError, match=r"shares every part of \['weight'\]; use `single` or `per-task`"):
        tiny_model("single", tiny.T5, **sections(RULES["half-shared"], biases=False))
