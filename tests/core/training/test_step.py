"""One optimizer step: micro-batches change nothing, and a task that is absent does not move."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer, rate_at
from multigraft.core.training.step_data import StepMaker
from multigraft.core.types.rank import Rank

NO_DROPOUT = "trunk.backbone.architecture.dropout_rate=0"


@pytest.fixture
def steps(recipe_file, registry, tmp_path):
    """Make steps; yields (trainer, samples, losses) after each."""

    def make(count, *overrides):
        recipe = load_recipe(recipe_file, (NO_DROPOUT, "train.steps=99", *overrides), registry)
        with open_run(recipe, registry, tmp_path) as run:
            trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
            for step, samples in enumerate(run.data.stream(Rank()).batches(0, count)):
                yield trainer, samples, trainer.step(step, StepMaker(run).of(samples))

    return make


class Recording(torch.optim.SGD):
    """Keeps the gradients that it is given, and moves nothing."""

    def step(self, closure=None):
        self.gradients = [None if p.grad is None else p.grad.clone() for p in self.param_groups[0]["params"]]


@pytest.fixture
def gradients(recipe_file, registry, tmp_path):
    """Losses and unclipped gradients of one step."""

    def make(*overrides, weightless=()):
        overrides = (NO_DROPOUT, "train.batch=7", "train.optimizer.clip=null", *overrides)
        recipe = load_recipe(recipe_file, overrides, registry)
        with open_run(recipe, registry, tmp_path) as run:
            trained = run.model.graft.bank.trained()
            optimizer = Recording(list(trained.values()), lr=1.0)
            samples = list(next(iter(run.data.stream(Rank()).batches(0, 1))))
            samples = [weigh(each, 0.0) if place in weightless else each for place, each in enumerate(samples)]
            losses = Trainer(run, optimizer).step(0, StepMaker(run).of(samples))
            return losses, dict(zip((key.text for key in trained), optimizer.gradients, strict=True))

    return make


@pytest.mark.parametrize("sharing", ["half-shared", "{kind: hypernetwork, embedding: 6, hidden: 6, projected: 4}"])
@pytest.mark.parametrize("reduction", ["sample-mean", "token-mean", "weighted"])
def test_micro_batches_give_the_same_losses_and_gradients(gradients, sharing, reduction):
    same = (f"graft.sharing={sharing}", f"tasks.vqa.objective={{kind: generation, reduction: {reduction}}}")
    losses, whole = gradients(*same)
    assert list(losses) == ["vqa", "statements", "captions", "videos"]
    for size in (1, 3):
        pieces_losses, pieces = gradients(*same, f"train.micro_batch={size}")
        assert pieces_losses == pytest.approx(losses, rel=1e-6)
        for name, gradient in whole.items():
            assert gradient is not None, name
            assert_close(pieces[name], gradient, atol=1e-6, rtol=1e-5, msg=name)


def test_samples_of_weight_zero_in_micro_batches(gradients):
    losses, whole = gradients(weightless=(0, 1, 2, 4))
    for size in (1, 3):
        pieces_losses, pieces = gradients(f"train.micro_batch={size}", weightless=(0, 1, 2, 4))
        assert pieces_losses == pytest.approx(losses, rel=1e-6)
        assert {name for name, gradient in pieces.items() if gradient is None} == {
            name for name, gradient in whole.items() if gradient is None
        }
        for name, gradient in whole.items():
            if gradient is not None:
                assert_close(pieces[name], gradient, atol=1e-6, rtol=1e-5, msg=name)


def owned(trainer, task):
    """Copies of the values and the optimizer state of a task's own tensors."""
    bank, state = trainer.run.model.graft.bank, trainer.optimizer.state
    return [
        [value.detach().clone(), *(moment.clone() for moment in state.get(value, {}).values())]
        for key, value in bank.trained().items()
        if key.owner.task_scope == f"task:{task}"
    ]


def weigh(sample, weight):
    """The sample with another weight."""
    return replace(sample, example=replace(sample.example, weight=weight))


def moved(before, now):
    """For each tensor, whether its value or its state has changed."""
    return [len(old) != len(new) or not all(map(torch.equal, old, new)) for old, new in zip(before, now, strict=True)]


def test_a_task_that_is_absent_does_not_move(steps):
    before = {}
    for trainer, samples, losses in steps(6, "graft.sharing=per-task", "train.sampler=round-robin"):
        (present,) = {sample.task for sample in samples}
        assert list(losses) == [present]
        now = {task: owned(trainer, task) for task in trainer.run.recipe.tasks}
        for task, tensors in before.items():
            assert set(moved(tensors, now[task])) == {task == present}
        before = now
    assert {task: int(tensors[0][1]) for task, tensors in before.items()} == {
        "vqa": 2, "statements": 2, "captions": 1, "videos": 1,
    }  # fmt: skip


def test_a_task_of_weight_zero_in_the_sampler_never_moves(steps):
    weights = "train.sampler={kind: weights, weights: {vqa: 1, statements: 1, captions: 0, videos: 1}}"
    *_, (trainer, _, losses) = steps(3, "graft.sharing=per-task", weights)
    assert list(losses) == ["vqa", "statements", "videos"]
    bank = trainer.run.model.graft.bank
    for key, value in bank.trained().items():
        absent = key.owner.task_scope == "task:captions"
        assert torch.equal(value, bank.start_value(key)) == absent, key.text
        assert (value in trainer.optimizer.state) != absent, key.text


def test_weights_of_objectives_scale_their_losses_and_gradients(gradients):
    """Of one and one: half of what the first adds when it weighs two more, and a third of what the second adds."""

    def of(first, second):
        sorting = f"{{kind: classification, labels: ['true', 'false'], weight: {second}}}"
        own = f"tasks.statements.objective=[{{kind: generation, weight: {first}}}, {sorting}]"
        losses, found = gradients("graft.sharing=per-task", own)
        return losses["statements"], {name: value for name, value in found.items() if "task:statements" in name}

    (loss, plain), (more, first), (most, second) = of(1, 1), of(3, 1), of(1, 4)
    assert loss == pytest.approx((more - loss) / 2 + (most - loss) / 3, rel=1e-4)
    assert min(more, most) > loss > 0
    for name, gradient in plain.items():
        added = (first[name] - gradient) / 2 + (second[name] - gradient) / 3
        assert_close(added, gradient, atol=1e-5, rtol=1e-3, msg=name)
    assert any((value != 0).any() for value in plain.values())


def test_weights_of_tasks_scale_their_gradients(gradients):
    rule = "graft.sharing=per-task"
    _, plain = gradients(rule)
    _, weighted = gradients(rule, "tasks.vqa.weight=3", "tasks.videos.weight=0")
    for name, gradient in plain.items():
        owner = name.split("/")[0]
        if owner == "task:videos":
            assert gradient is not None, name
            assert weighted[name] is None, name
        elif owner != "shared":
            factor = 3 * 4 / 5 if owner == "task:vqa" else 4 / 5
            assert_close(weighted[name], gradient * factor, atol=1e-6, rtol=1e-5, msg=name)


def test_a_task_whose_loss_has_weight_zero_never_moves_and_its_loss_is_told(steps):
    for trainer, _, losses in steps(3, "graft.sharing=per-task", "tasks.videos.weight=0"):
        assert list(losses) == ["vqa", "statements", "captions", "videos"]
        assert losses["videos"] > 1
        bank, state = trainer.run.model.graft.bank, trainer.optimizer.state
        for key, value in bank.trained().items():
            idle = key.owner.task_scope == "task:videos"
            assert torch.equal(value, bank.start_value(key)) == idle, key.text
            assert (value in state) != idle, key.text


def test_samples_of_weight_zero_move_nothing_after_others_have(steps):
    weightless, kept = "videos", {}
    for number, (trainer, samples, _) in enumerate(steps(3, "graft.sharing=per-task", "train.batch=4")):
        if number == 2:
            before = {task: owned(trainer, task) for task in trainer.run.recipe.tasks}
            kept = [weigh(each, 0.0) if each.task == weightless else each for each in samples]
            losses = trainer.step(3, StepMaker(trainer.run).of(kept))
            assert losses[weightless] == 0
            now = {task: owned(trainer, task) for task in before}
            assert {task: any(moved(before[task], now[task])) for task in before} == {
                "vqa": True, "statements": True, "captions": True, "videos": False,
            }  # fmt: skip
            everything = trainer.run.model.graft.bank.snapshot()
            trainer.step(4, StepMaker(trainer.run).of([weigh(each, 0.0) for each in samples]))
            assert all(map(torch.equal, everything.values(), trainer.run.model.graft.bank.snapshot().values()))


def test_a_recipe_whose_tasks_all_have_weight_zero_is_refused(steps):
    weights = [f"tasks.{task}.weight=0" for task in ("vqa", "statements", "captions", "videos")]
    with pytest.raises(MultigraftError, match=r"every task has `weight: 0`"):
        next(steps(1, *weights))


def test_a_first_step_without_gradient_is_no_sign_of_a_graft_that_does_nothing(train, tmp_path):
    train(
        tmp_path,
        "graft={adapters: [{kind: bottleneck, width: 4, start: identity}]}",
        "train={steps: 2, batch: 4, sampler: round-robin}",
        "tasks.vqa.weight=0",
        "eval.split=none",
    )


def test_an_objective_that_needs_whole_batches_refuses_micro_batches(steps, monkeypatch):
    trainer, _, _ = next(steps(1))
    monkeypatch.setattr(trainer.run.model.objectives["vqa"][0].objective, "splittable", False, raising=False)
    train = trainer.run.recipe.train
    for size, refused in ((train.batch - 1, True), (train.batch, False)):
        changed = train.model_copy(update={"micro_batch": size})
        trainer.run.recipe = trainer.run.recipe.model_copy(update={"train": changed})
        message = r"`train\.micro_batch` cannot be used: the loss of vqa needs whole batches"
        with pytest.raises(MultigraftError, match=message) if refused else nullcontext():
            StepMaker(trainer.run)


def test_a_loss_that_is_not_finite_stops_the_run(steps):
    with pytest.raises(MultigraftError, match="is not finite"):
        list(steps(20, "train.optimizer.rate=1.0e+30", "train.optimizer.clip=null"))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
        ("cosine", [0.5, 1.0, 1.0, 0.9619, 0.8536, 0.6913, 0.5, 0.3087, 0.1464, 0.0381]),
        ("constant", [0.5, 1.0, *[1.0] * 8]),
    ],
)
def test_the_rate_rises_and_falls(schedule, rates, recipe_file, registry):
    overrides = (f"train.optimizer={{rate: 1.0, warmup: 0.2, schedule: {schedule}}}", "train.steps=10")
    section = load_recipe(recipe_file, overrides, registry).train
    assert [rate_at(step, section) for step in range(10)] == pytest.approx(rates, abs=1e-4)
