"""Whatever the backward pass reaches and trains is in the saved graft: adapters, and what is trained beside them."""

import pytest
from safetensors.torch import load_file

from multigraft.core.graft.saving import save_graft

GRAFTS = {
    "an adapter": {"adapters": [{"kind": "lora", "rank": 2}]},
    "norms and biases": {"adapters": [{"kind": "bottleneck", "width": 4}], "train": {"norms": True, "biases": True}},
    "generated": {"adapters": [{"kind": "bottleneck", "width": 4}], "sharing": "hypernetwork"},
    "prefixes by task": {"adapters": [{"kind": "prefix", "tokens": 2}], "sharing": "per-task"},
    "the backbone": {"adapters": [], "train": {"backbone": True}},
}
LABELLED = {
    "objective": {"kind": "classification", "labels": ["a box", "red"]},
    "evaluator": "classify",
}


def leaves(loss):
    """The tensors that a backward pass gives gradients to."""
    found, waiting, seen = {}, [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (leaf := getattr(node, "variable", None)) is not None:
            found[id(leaf)] = leaf
        waiting.extend(following for following, _ in node.next_functions)
    return found


@pytest.mark.parametrize("graft", GRAFTS)
def test_what_gets_gradients_is_in_the_file(graft, tiny_recipe, tiny_model, samples, batch_of, tmp_path):
    tasks = tiny_recipe().model_dump(mode="json", exclude_unset=True)["tasks"]
    model = tiny_model(graft=GRAFTS[graft], tasks={**tasks, "vqa": {**tasks["vqa"], **LABELLED}})
    losses = model.losses(batch_of(model, samples), training=True)
    reached = leaves(sum(loss.sum for each in losses.values() for loss in each))
    save_graft(tmp_path, model.graft.bank, {})
    saved = [value for file in tmp_path.glob("*.safetensors") for value in load_file(file).values()]
    assert len(saved) == len(model.graft.bank.trained())
    names = {id(value): key for key, value in model.graft.bank.trained().items()}
    assert reached.keys() <= names.keys()
    parts = {names[each].part for each in reached}
    assert any(part.startswith("prompt") for part in parts), "the projection of the pictures"
    assert any("classification" in part or "head" in part for part in parts), "the task's head"
