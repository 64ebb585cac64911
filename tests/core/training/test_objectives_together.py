"""Several objectives of one task, and what they have in common: passes, modules, a teacher."""

from contextlib import ExitStack
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.data.seeding import seeded
from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.objective import TaskBatch
from multigraft.core.model.model import evaluator_outputs, task_rows
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.evaluate_saved import evaluate_saved
from multigraft.core.training.step_data import StepMaker
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.need import Need, View
from multigraft.core.types.rank import Rank
from multigraft.core.types.row import Row
from multigraft.core.types.sample import Sample, TextPair
from multigraft.plugins.objectives.matching import Matching
from multigraft.plugins.objectives.options import MatchingOptions

BERT = (
    "trunk.backbone={kind: bert, weights: random, architecture: {vocab_size: 4000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24, hidden_dropout_prob: 0.0, "
    "attention_probs_dropout_prob: 0.0}}"
)
PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
COLOURS = "{kind: classification, labels: [red, green, blue, dark red, dark green, dark blue]}"
QUEUE = "{kind: contrastive, width: 8, queue: 20, teacher: true}"
MATCH = "{kind: matching, negatives: alike}"
MASKED = "{kind: masked-words, share: 0.5}"


def tasks(*objectives, evaluator="loss"):
    pairs = f"kind: image-text-pairs, annotations: captions, {PICTURES}, evaluator: {evaluator}"
    other = f"kind: visual-question-answering, {PICTURES}, objective: {COLOURS}, evaluator: classify"
    return f"tasks={{pairs: {{{pairs}, objective: [{', '.join(objectives)}]}}, vqa: {{{other}}}}}"


@pytest.fixture
def opened(recipe_file, registry, tmp_path):
    """A run, moved away from its start, and the batch of a step."""

    def make(*overrides):
        chosen = load_recipe(recipe_file, (BERT, "train.batch=8", *overrides), registry)
        run = stack.enter_context(open_run(chosen, registry, tmp_path))
        with torch.no_grad():
            for key, value in run.model.graft.bank.trained().items():
                generator = torch.Generator().manual_seed(seeded(key.text) % 2**32)
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
        (batch,) = StepMaker(run).of(next(iter(run.data.stream(Rank()).batches(0, 1)))).batches[True]
        return run.model, batch

    with ExitStack() as stack:
        yield make


def gradients(model, batch):
    torch.manual_seed(0)
    losses = {loss.name: loss.sum for loss in model.losses(batch, True)["pairs"]}
    trained = model.graft.bank.trained()
    found = torch.autograd.grad(sum(losses.values()), list(trained.values()), allow_unused=True)
    return {name: value.item() for name, value in losses.items()}, dict(zip(trained, found, strict=True))


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (COLOURS, COLOURS.replace("red, green", "green, red", 1), "label"),
        (MASKED, "{kind: masked-words, share: 0.9}", "masked"),
    ],
)
def test_two_that_would_read_one_text_with_other_values_are_refused(opened, first, second, name):
    own = f"tasks.vqa.objective=[{first}, {second}]", "tasks.vqa.evaluator=loss"
    with pytest.raises(MultigraftError, match=f"two objectives of task 'vqa' both add the text '{name}' to a row"):
        opened(tasks(QUEUE), *own)


def test_two_that_read_one_text_alike(opened):
    model, batch = opened(tasks(QUEUE), f"tasks.vqa.objective=[{COLOURS}, {COLOURS}]", "tasks.vqa.evaluator=loss")
    first, second = model.losses(batch, True)["vqa"]
    assert (first.name, second.name) == ("classification", "classification-2")
    assert first.sum.item() == second.sum.item() > 0


def test_their_order_changes_nothing(opened):
    """Likeness is measured without gradient, of the same pass that contrast learns from."""
    (sums, first), (again, second) = (gradients(*opened(tasks(*order))) for order in ((QUEUE, MATCH), (MATCH, QUEUE)))
    assert sums == pytest.approx(again, rel=1e-6)
    assert any(value is not None for value in first.values())
    for key, value in first.items():
        assert (value is None) == (second[key] is None), key.text
        if value is not None:
            assert_close(second[key], value, atol=1e-5, rtol=1e-4, msg=key.text)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_trunk_that_is_trained_in_place_and_its_teacher_are_kept_apart(opened, precision):
    model, batch = opened(tasks(QUEUE), "graft.train={backbone: true}", f"train.precision={precision}")
    for key, value in model.graft.bank.teacher.items():
        if key in model.graft.bank.adopted and value.dim() == 2 and "embeddings" not in key.text:
            value.mul_(-20.0)
    views = [View(media=False), View(media=False, values="teacher")]
    needs = {segment.task: [Need("summary", view) for view in views] for segment in batch.segments}

    def read(order):
        with model.computing(torch.device("cpu")):
            outputs = evaluator_outputs(model, model.passes(batch, False, needs), batch.segments[0])
            return {view.values: outputs.view(view).summary().float() for view in order}

    alone = read(views[:1]) | read(views[1:])
    assert (alone["student"] - alone["teacher"]).abs().max() > 0.5
    for order in (views, views[::-1]):
        for values, states in read(order).items():
            assert_close(states, alone[values])


def test_an_encoder_that_is_trained_in_place_and_its_teacher_are_kept_apart(opened):
    model, batch = opened(tasks(QUEUE), "graft.train.encoder=true")
    for key, value in model.graft.bank.teacher.items():
        if key in model.graft.bank.adopted and value.dim() == 4:
            value.mul_(3.0)
    views = [View(), View(values="teacher")]
    needs = {segment.task: [Need("media", view) for view in views] for segment in batch.segments}

    def read(order):
        outputs = evaluator_outputs(model, model.passes(batch, False, needs), batch.segments[0])
        return {view.values: outputs.view(view).media().states for view in order}

    alone = read(views[:1]) | read(views[1:])
    assert (alone["student"] - alone["teacher"]).abs().max() > 0.5
    assert [alone[values].requires_grad for values in ("student", "teacher")] == [True, False]
    for order in (views, views[::-1]):
        for values, states in read(order).items():
            assert_close(states, alone[values])


def test_another_task_is_not_handed_out(opened):
    model, batch = opened(tasks("{kind: contrastive, width: 8}"))
    first, second = batch.segments
    needs = {first.task: [Need("summary", View(media=False))], second.task: [Need("media")]}
    outputs = evaluator_outputs(model, model.passes(batch, False, needs), first)
    with pytest.raises(MultigraftError, match=f"task '{first.task}': 'media' of .* is asked for, and no `needs`"):
        outputs.media()


def test_one_module_has_one_rule(opened):
    with pytest.raises(OptionError, match="another `sharing`") as caught:
        opened(tasks(QUEUE, "{kind: contrastive, width: 8, sharing: single}"))
    assert caught.value.location == ("tasks", "pairs", "objective", 1, "sharing")
    model, _ = opened(tasks(QUEUE, MATCH))
    names = [key.part for key in model.graft.bank.trained() if "projection" in key.part]
    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize("option", ["teacher: true", "modality: audio"])
def test_what_evenly_drawn_pairs_do_not_read_is_refused(opened, option):
    with pytest.raises(RecipeError, match="with `negatives: even` nothing reads"):
        opened(tasks(f"{{kind: matching, {option}}}"))


class Zeros:
    """Outputs that say nothing."""

    def summary(self):
        return torch.zeros(2, 4)

    def repaired(self, texts, media):
        return self

    def module(self, name, states):
        return torch.zeros(len(states), 2)


def test_pairs_and_their_number_rest_on_the_same_rows():
    weights = (1.0, 0.0)
    rows = tuple(
        Row(Sample("pairs", Annotation(id=str(number), task="pairs"), TextPair("", "", weight), (), str(number)), {})
        for number, weight in enumerate(weights)
    )
    matching = Matching(MatchingOptions(kind="matching"))
    batch = TaskBatch("pairs", rows, {}, torch.tensor(weights), torch.arange(2))
    mean = matching.loss(batch, Zeros()).sum / matching.denominator(rows)
    assert mean.item() == pytest.approx(0.6931 / 2, abs=1e-4)
    both = tuple(replace(row, sample=replace(row.sample, example=TextPair("", "", 1.0))) for row in rows)
    assert matching.denominator(both) == 6


@pytest.mark.parametrize("negatives", ["even", "alike"])
def test_rows_about_the_same_media_are_no_negatives_of_each_other(opened, negatives):
    model, batch = opened(tasks(QUEUE, f"{{kind: matching, negatives: {negatives}}}"), "train.batch=12")
    own = next(each for each in model.objectives["pairs"] if each.name == "matching")
    (segment,) = (each for each in batch.segments if each.task == "pairs")
    outputs = evaluator_outputs(model, model.passes(batch, False, {"pairs": model.needs_of("pairs")}), segment)
    rows = task_rows(batch)["pairs"]
    keys = torch.arange(len(rows.rows)) // 2
    for _ in range(20):
        media, texts = own.objective.negatives(replace(rows, media_keys=keys), outputs)
        assert (keys[media] != keys).all()
        assert (keys[texts] != keys).all()


def test_a_saved_run_is_scored_with_its_queue_and_its_teacher(train, registry, tmp_path):
    steps = ("train.steps=3", "train.batch=8", "train.teacher.momentum=0.5", "train.optimizer.rate=5.0e-3")
    results = train(tmp_path / "run", BERT, tasks(QUEUE, MASKED), *steps)
    again = evaluate_saved(tmp_path / "run", registry, None, [])
    assert again["tasks"]["pairs"]["loss"] == pytest.approx(results["tasks"]["pairs"]["loss"], rel=1e-6)


def test_the_untrained_control_leaves_the_teacher_as_it_was(train, tmp_path):
    steps = ("train.steps=2", "train.batch=8", "eval.controls=[untrained]")
    results = train(tmp_path / "run", BERT, tasks(QUEUE), *steps)
    assert results["controls"]["untrained"]["pairs"]["loss"] > 0
    assert results["controls"]["untrained"]["pairs"]["loss"] != results["tasks"]["pairs"]["loss"]
