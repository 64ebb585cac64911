"""Which tensors the arms of a search have in common, and that an arm trains its own and those alone."""

import pytest
import torch

from multigraft import MultigraftError
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.search.shared_tensors import SharedTensors

DYNAMIC = {"kind": "dynamic", "heads": 2, "stack": "encoder", "place": "back"}


@pytest.fixture(scope="module")
def trunk(registry, tiny_recipe):
    return build_trunk(tiny_recipe(), registry)


@pytest.fixture
def joined(registry, tiny_recipe, tiny, trunk):
    """Joins the banks of recipes whose tasks have these prompts, or whose graft is this."""
    tensors = SharedTensors()

    def make(graft=None, sharing="single", **prompts):
        tasks = {
            name: {**each, **({"prompt": prompts[name]} if name in prompts else {})}
            for name, each in tiny.TASKS.items()
        }
        sections = {"graft": graft} if graft else {}
        recipe = tiny_recipe(sharing, tasks=tasks, **sections)
        model = build_model(recipe, registry, trunk)
        allocate(model, torch.device("cpu"))
        tensors.join(model.graft.bank, recipe)
        return {key.text: value for key, value in model.graft.bank.trained().items()}

    make.tensors = tensors
    return make


def parts(bank, beginning):
    return {text.partition("/")[2]: value for text, value in bank.items() if beginning in text}


def same(first, second):
    """How many tensors of one arm are those of another too."""
    others = {id(value) for value in second.values()}
    return sum(id(value) in others for value in first.values())


def test_arms_that_differ_in_a_prompts_layer_have_all_but_that_prompt_in_common(joined):
    arms = [joined(vqa={**DYNAMIC, "layer": layer}) for layer in (0, 1)]
    prompt = parts(arms[0], "prompt-vqa.")
    assert len(prompt) == 9
    assert same(arms[0], arms[1]) == len(arms[0]) - len(prompt)
    again = joined(vqa={**DYNAMIC, "layer": 0})
    assert same(again, arms[0]) == len(arms[0])


def test_a_task_has_its_prompt_whatever_another_task_has(joined):
    own = {**DYNAMIC, "sharing": "per-task"}
    alone = joined(vqa={**own, "layer": 1}, captions={**own, "layer": 0})
    alike = joined(vqa={**own, "layer": 1}, captions={**own, "layer": 1})
    mine = {text: value for text, value in alone.items() if text.startswith("task:vqa/prompt")}
    assert len(mine) == 9
    assert same(mine, alike) == 9
    others = {text: value for text, value in alone.items() if text.startswith("task:captions/prompt")}
    assert same(others, alike) == 0


def test_a_prompt_that_tasks_share_is_another_one_for_other_tasks(joined):
    both = joined(vqa={**DYNAMIC, "layer": 1}, captions={**DYNAMIC, "layer": 1})
    one = joined(vqa={**DYNAMIC, "layer": 1})
    assert same(parts(one, "prompt-vqa."), both) == 0


def test_widths_and_rules_of_adapters_make_other_tensors(joined):
    graft = {"adapters": [{"kind": "bottleneck", "width": 4}], "train": {"norms": True}}
    plain, wider = joined(graft), joined({**graft, "adapters": [{"kind": "bottleneck", "width": 8}]})
    per_task = joined({**graft, "sharing": "per-task"})
    for other in (wider, per_task):
        assert same(parts(plain, "bottleneck."), other) == 0
        assert same(parts(plain, "norms."), other) == len(parts(plain, "norms.")) > 0


def test_two_prompts_that_say_the_same_are_two(joined):
    twice = joined(vqa=[{**DYNAMIC, "layer": 1}, {**DYNAMIC, "layer": 1}])
    first, second = (parts(twice, name) for name in ("prompt-vqa.", "prompt-vqa-1."))
    assert len(first) == len(second) == 9
    assert same(first, second) == 0
    apart = joined(vqa=[{**DYNAMIC, "layer": 0}, {**DYNAMIC, "layer": 1}])
    assert same(parts(apart, "prompt-vqa-1."), first) == 9


def test_a_hypernetwork_is_that_of_an_adapters_options(joined):
    def graft(**options):
        rule = {"kind": "hypernetwork", "embedding": 6, "hidden": 6, "projected": 4}
        return {"adapters": [{"kind": "bottleneck", "width": 4, **options}], "sharing": rule}

    first, wider, other = (joined(graft(**each)) for each in ({}, {"width": 8}, {"activation": "relu"}))
    made = parts(first, "bottleneck-hypernetwork")
    assert len(made) > 8
    assert same(made, wider) == same(made, other) == 0
    assert same(made, joined(graft())) == len(made)


def test_a_task_with_another_objective_has_another_head_and_the_rest_stays(registry, tiny_recipe, tiny, trunk):
    tensors, banks = SharedTensors(), []
    for weight in (1.0, 2.0):
        head = {"objective": {"kind": "classification", "labels": ["true", "false"]}, "evaluator": "classify"}
        tasks = {name: {**tiny.TASKS[name], **head} for name in ("vqa", "statements")}
        tasks["vqa"]["objective"] = {**head["objective"], "weight": weight, "sharing": "per-task"}
        tasks["statements"]["objective"] = {**head["objective"], "sharing": "per-task"}
        recipe = tiny_recipe(tasks=tasks)
        model = build_model(recipe, registry, trunk)
        allocate(model, torch.device("cpu"))
        tensors.join(model.graft.bank, recipe)
        banks.append({key.text: value for key, value in model.graft.bank.trained().items()})
    differing = {text for text, value in banks[0].items() if value is not banks[1][text]}
    assert differing
    assert all(text.startswith("task:vqa/head-") for text in differing)


def test_what_an_arm_moves_all_see_that_have_it(joined):
    first, second = (joined(vqa={**DYNAMIC, "layer": layer}) for layer in (0, 1))
    with torch.no_grad():
        for value in first.values():
            value.add_(1.0)
    assert all(torch.equal(second[name], first[name]) for name in second if "prompt-vqa" not in name)
    assert not any(torch.equal(second[name], first[name]) for name in second if "prompt-vqa.attention" in name)


def test_one_identity_has_one_shape(joined, registry, tiny_recipe, trunk):
    joined()
    recipe = tiny_recipe()
    model = build_model(recipe, registry, trunk)
    allocate(model, torch.device("cpu"))
    joined.tensors.values |= {text: torch.zeros(3, 3) for text in joined.tensors.values}
    with pytest.raises(MultigraftError, match=r"\(3, 3\) in one arm"):
        joined.tensors.join(model.graft.bank, recipe)
