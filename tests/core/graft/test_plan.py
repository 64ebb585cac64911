"""The plan of a batch: no more nodes than one shared adapter has, and nothing for tasks that are not there."""

import gc
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from multigraft.core.data.collate import collate
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.batch import Segment
from multigraft.core.types.grouped import Grouped
from multigraft.core.types.row import Row, TextRow
from multigraft.core.types.sample import Sample, TextPair

PRESENT = tuple(f"task{number}" for number in range(7))
ABSENT = tuple(f"absent{number}" for number in range(64))
RULES = ("single", "half-shared", "per-task", "groups", "hypernetwork")


def rule_of(name, tasks):
    if not isinstance(name, str):
        return name
    if name == "groups":
        return {"kind": "groups", "groups": {"even": list(tasks[::2]), "odd": list(tasks[1::2])}}
    return {"kind": name}


@pytest.fixture(scope="module")
def model_of(tiny, tiny_recipe, registry):
    """A text-only model over a small trunk, for some tasks."""
    trunks = {}

    def make(rule, tasks=PRESENT, family="BART"):
        own = getattr(tiny, family)
        recipe = tiny_recipe(
            rule_of(rule, tasks),
            own,
            trunk={"backbone": own},
            tasks={task: {"kind": "visual-question-answering", "data": ["none.tar"]} for task in tasks},
        )
        if family not in trunks:
            trunks[family] = build_trunk(recipe, registry)
        model = build_model(recipe, registry, trunks[family])
        allocate(model, torch.device("cpu"))
        return model

    return make


@pytest.fixture(params=[1, 3], ids=["a row each", "uneven rows"])
def batch(request):
    sizes = [1 + (request.param * number) % 4 if request.param > 1 else 1 for number in range(len(PRESENT))]
    return batch_of_rows(dict(zip(PRESENT, sizes, strict=True)))


def batch_of_rows(sizes):
    """So many rows of each task, the same texts whatever the tasks are called."""
    bounds = [sum(list(sizes.values())[:number]) for number in range(len(sizes) + 1)]
    segments = tuple(Segment(task, *bounds[number : number + 2]) for number, task in enumerate(sizes))
    samples = tuple(
        Sample(segment.task, Annotation(id="1", task=segment.task), TextPair("", ""), (), "")
        for segment in segments
        for _ in segment.numbers
    )
    rows, generator = bounds[-1], torch.Generator().manual_seed(0)
    ids, targets = (torch.randint(5, 200, (rows, count), generator=generator) for count in (6, 4))
    made = (
        Row(sample, {"text": TextRow(text), "target": TextRow(target, labels=target)})
        for sample, text, target in zip(samples, ids, targets, strict=True)
    )
    return collate(list(made), PRESENT)


def total(model, batch):
    return torch.stack([loss.sum for (loss,) in model.losses(batch, training=True).values()]).sum()


def nodes(root):
    """Nodes of the graph below a tensor, without those that fill gradients in."""
    seen, waiting = set(), [root.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen and type(node).__name__ != "AccumulateGrad":
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("family", ["T5", "BART"])
@pytest.mark.parametrize("rule", ["half-shared", "per-task", "groups"])
def test_no_more_nodes_than_one_shared_adapter(rule, family, model_of, batch):
    shared = nodes(total(model_of("single", family=family), batch))
    assert shared > 100
    assert nodes(total(model_of(rule, family=family), batch)) <= shared


class Operations(TorchDispatchMode):
    """Counts operations and the tensors that they make."""

    def __init__(self):
        super().__init__()
        self.operations, self.tensors = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        self.operations += 1
        self.tensors += len([each for each in torch.utils._pytree.tree_leaves(made) if isinstance(each, torch.Tensor)])
        return made


def work(model, batch):
    """Operations, tensors and Python calls of a forward and a backward pass."""
    total(model, batch).backward()
    counted, calls = Operations(), [0]

    def count(frame, event, argument):
        calls[0] += event == "call"

    with counted:
        total(model, batch).backward()
    gc.disable()  # it calls back what others have registered
    sys.setprofile(count)
    try:
        total(model, batch).backward()
    finally:
        sys.setprofile(None)
        gc.enable()
    return counted.operations, counted.tensors, calls[0]


@pytest.mark.parametrize("rule", RULES)
def test_tasks_that_are_not_there_cost_nothing(rule, model_of, batch):
    alone, among = work(model_of(rule), batch), work(model_of(rule, PRESENT + ABSENT), batch)
    assert alone == among
    assert alone[2] > 500


@pytest.mark.parametrize("rule", RULES)
def test_going_over_to_another_task_costs_nothing(rule, model_of):
    """Its first batch is as much work as one more of the task before."""
    model = model_of(rule)
    first = work(model, batch_of_rows({PRESENT[5]: 3}))
    kept = {key: id(value) for key, value in model.graft.bank.trained().items()}
    assert [work(model, batch_of_rows({task: 3})) for task in (PRESENT[4], PRESENT[5])] == [first, first]
    assert {key: id(value) for key, value in model.graft.bank.trained().items()} == kept


def test_rows_of_a_graft_must_stand_together(model_of):
    segments = [Segment(PRESENT[0], 0, 1, "a"), Segment(PRESENT[0], 1, 2, "b"), Segment(PRESENT[1], 2, 3, "a")]
    grafts = {name: model_of("single").graft for name in "ab"}
    with pytest.raises(ValueError, match="rows of the graft 'a' do not stand together"):
        make_interceptor(grafts, segments, training=False)


def test_neighbours_with_one_owner_have_one_value_part_by_part(model_of, batch):
    halves = {"kind": "groups", "groups": {"first": list(PRESENT[:3]), "rest": list(PRESENT[3:])}}
    for rule, owners in (("single", (1, 1)), ("half-shared", (7, 1)), ("per-task", (7, 7)), (halves, (2, 2))):
        graft = model_of(rule).graft
        uses = make_interceptor(graft, batch.segments, training=False).sites
        parts = uses["encoder.0.feed-forward"][0].use.adapters[0].parts
        for part, expected in zip(("down.weight", "up.weight"), owners, strict=True):
            own = parts[part]
            assert (len(own.values) if isinstance(own, Grouped) else 1) == expected
    assert parts["up.weight"].bounds == (0, batch.segments[3].start, batch.segments[-1].stop)
