"""A sharing rule for a whole module, such as the prompt generator: what it does, and where it would do nothing."""

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.model.build import build_model
from multigraft.core.model.trunk import build_trunk

PROMPT = {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4}
GROUPS = {"pictures": ["vqa", "captions"], "rest": ["statements", "videos"]}


@pytest.fixture
def owners(tiny_recipe, registry):
    """Task scopes of the parameters of a prompt generator under a rule, by name."""

    def find(sharing, **options):
        recipe = tiny_recipe()
        prompt = {**PROMPT, **options, "sharing": sharing}
        trunk = {**recipe.trunk.model_dump(), "prompt": prompt}
        recipe = tiny_recipe(trunk=trunk)
        with torch.device("meta"):
            model = build_model(recipe, registry, build_trunk(recipe, registry, on_meta_device=True))
        found = {}
        for task, keys in model.graft.modules["prompt"].keys.items():
            for name, key in keys.items():
                found.setdefault(name, {})[task] = key.owner.task_scope
        return found

    return find


@pytest.mark.parametrize(
    ("sharing", "scope"),
    [
        ("single", lambda task: "shared"),
        ("per-task", lambda task: f"task:{task}"),
        (
            {"kind": "groups", "groups": GROUPS},
            lambda task: f"group:{'pictures' if task in ('vqa', 'captions') else 'rest'}",
        ),
    ],
)
def test_rules_that_act_on_a_prompt_generator(sharing, scope, owners):
    for scopes in owners(sharing).values():
        assert scopes == {task: scope(task) for task in scopes}


def test_half_of_a_prompt_generator_is_shared(owners):
    found = owners({"kind": "half-shared", "shared": ["feature.*"]})
    shared = {name for name, scopes in found.items() if set(scopes.values()) == {"shared"}}
    assert shared == {"feature.weight", "feature.bias"}
    assert found["image_order.weight"]["vqa"] == "task:vqa"


@pytest.mark.parametrize(
    ("sharing", "options", "message"),
    [
        ("hypernetwork", {}, r"prompt: a sharing rule that makes its parts by a hypernetwork can "),
        ("half-shared", {}, r"prompt: half-shared \['up\.\*'\] shares no part of \['feature\.weight', "),
        ({"kind": "half-shared", "shared": ["*"]}, {}, r"prompt: half-shared \['\*'\] shares every part of "),
        ({"kind": "half-shared", "shared": ["feature.*", "up.*"]}, {}, r"prompt: 'up\.\*' fits none of its "),
        ({"kind": "half-shared", "shared": ["object_order.*"]}, {"position": "random"}, r"shares no part of "),
    ],
)  # fmt: skip
def test_rules_that_would_do_nothing_are_refused(sharing, options, message, owners):
    with pytest.raises(MultigraftError, match=message):
        owners(sharing, **options)
