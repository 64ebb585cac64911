"""Masked words, contrast with a queue and a teacher, and matching: trained by a recipe, alone and in two processes."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.run.run_start import take_start
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer
from multigraft.core.training.step_data import StepMaker
from multigraft.core.types.rank import Rank

BERT = (
    "trunk.backbone={kind: bert, weights: random, architecture: {vocab_size: 4000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24, hidden_dropout_prob: 0.0, "
    "attention_probs_dropout_prob: 0.0}}",
    "graft.sharing=per-task",
)
PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
COLOURS = "[red, green, blue, dark red, dark green, dark blue]"
OBJECTIVES = {
    "masked": "{kind: masked-words, share: 0.5, distillation: 0.4}",
    "queue": "{kind: contrastive, width: 8, queue: 20, in_batch: false, teacher: true, distillation: 0.4}",
    "batch": "{kind: contrastive, width: 8, queue: 12, teacher: true}",
    "plain": "{kind: contrastive, width: 8}",
    "match": "{kind: matching, negatives: alike}",
}
TAUGHT = {"masked", "queue", "batch"}
STEPS = (
    "train.steps=4", "train.batch=6", "train.checkpoint_every=2", "eval.split=none",
    "train.optimizer={schedule: constant, warmup: 0, rate: 3.0e-3, clip: null}",
)  # fmt: skip


def tasks(*objectives):
    """The task `pairs` with these objectives, beside one that classifies."""
    chosen = ", ".join(OBJECTIVES[name] for name in objectives)
    pairs = (
        f"pairs: {{kind: image-text-pairs, annotations: captions, {PICTURES}, objective: [{chosen}], evaluator: loss}}"
    )
    colours = f"objective: {{kind: classification, labels: {COLOURS}}}, evaluator: classify"
    return f"tasks={{{pairs}, vqa: {{kind: visual-question-answering, {PICTURES}, {colours}}}}}"


def recipe(*objectives):
    """Overrides of the tiny recipe."""
    teacher = ("train.teacher.momentum=0.5",) if TAUGHT & {*objectives} else ()
    return (*BERT, tasks(*objectives), *STEPS, *teacher)


def losses(folder):
    """Each line's losses."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    return [{name: value for name, value in row.items() if name.endswith("/loss")} for row in rows]


def run_in_two(recipe_file, folder, *overrides):
    """A run of two gloo processes."""
    options = [word for override in overrides for word in ("--set", override)]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    words = ["multigraft", "train", str(recipe_file), "--run", str(folder), *options]
    outcome = subprocess.run(
        [sys.executable, "-m", *launcher, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=240,
    )
    assert outcome.returncode == 0, outcome.stderr
    return folder


ALL = ("masked", "queue", "match")


def files(folder, step=4):
    """The tensors of a checkpoint, by file."""
    root = folder / "checkpoints" / f"{step:08}"
    return {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*.safetensors"))}


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "run"
    train(folder, *recipe(*ALL))
    return folder


def test_losses_of_objectives_are_told_beside_that_of_their_task(straight):
    for line in losses(straight):
        own = {name.removeprefix("train/pairs/").removesuffix("/loss"): value for name, value in line.items()}
        parts = [own["masked-words"], own["contrastive"], own["matching"]]
        assert line["train/pairs/loss"] == pytest.approx(sum(parts), rel=1e-5)
        both = own["contrastive/media-to-text"] + own["contrastive/text-to-media"]
        assert own["contrastive"] == pytest.approx(both / 2, rel=1e-5)


def test_the_queue_is_saved_and_moves(straight):
    before, after = (load_file(files(straight, step)["state/objectives.safetensors"]) for step in (2, 4))
    assert after["state/pairs/contrastive/next"] == 4 * 3 % 20
    assert (before["state/pairs/contrastive/key"] != -1).sum() == 6
    assert (after["state/pairs/contrastive/key"] != -1).sum() == 12
    held = after["state/pairs/contrastive/media"][:12]
    assert_close(held.norm(dim=1), torch.ones(12))
    assert_close(held[:6], before["state/pairs/contrastive/media"][:6])


def test_the_teacher_follows_by_the_momentum_of_the_recipe(train, tmp_path):
    words = ("train.steps=2", "train.checkpoint_every=1", "train.teacher.momentum=0.8")
    train(tmp_path / "run", *recipe("queue"), *words)
    first, second = (
        {
            name.removeprefix("teacher/"): value
            for name, value in load_file(files(tmp_path / "run", step)["state/objectives.safetensors"]).items()
            if name.startswith("teacher/")
        }
        for step in (1, 2)
    )
    student = {
        f"{Path(name).stem.replace('-', ':', 1)}/{part}": value
        for name, path in files(tmp_path / "run", 2).items()
        if name.startswith("graft/")
        for part, value in load_file(path).items()
    }
    assert first.keys() == second.keys() <= student.keys()
    assert any(not torch.equal(student[name], value) for name, value in first.items())
    for name, value in first.items():
        assert_close(second[name], 0.8 * value + 0.2 * student[name], atol=1e-7, rtol=1e-5, msg=name)


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(train, straight, tmp_path):
    train(tmp_path / "half", *recipe(*ALL), "train.steps=2")
    train(tmp_path / "half", *recipe(*ALL), resume=True)
    assert files(tmp_path / "half").keys() == files(straight).keys()
    for name, path in files(straight).items():
        assert files(tmp_path / "half")[name].read_bytes() == path.read_bytes(), name
    assert losses(tmp_path / "half") == losses(straight)


def test_a_checkpoint_with_a_damaged_queue_is_refused(train, tmp_path):
    train(tmp_path / "run", *recipe("queue"), "train.steps=2")
    path = files(tmp_path / "run", 2)["state/objectives.safetensors"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(MultigraftError, match=r"objectives\.safetensors is damaged"):
        train(tmp_path / "run", *recipe("queue"), resume=True)


def test_a_teacher_begins_where_a_training_from_a_saved_graft_begins(straight, recipe_file, registry, tmp_path):
    chosen = load_recipe(recipe_file, (*recipe("queue"), f"graft.start=run:{straight}"), registry)
    with open_run(chosen, registry, tmp_path) as run:
        take_start(run)
        bank = run.model.graft.bank
        assert any(not torch.equal(value, bank.start_value(key)) for key, value in bank.trained().items())
        assert all(torch.equal(value, bank.teacher[key]) for key, value in bank.trained().items())


@pytest.mark.parametrize("objectives", [("masked",), ("queue",), ("masked", "queue")])
def test_micro_batches_change_nothing(train, tmp_path, objectives):
    train(tmp_path / "whole", *recipe(*objectives))
    train(tmp_path / "pieces", *recipe(*objectives), "train.micro_batch=2")
    for ours, theirs in zip(losses(tmp_path / "pieces"), losses(tmp_path / "whole"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    for name, path in files(tmp_path / "whole").items():
        pieces = load_file(files(tmp_path / "pieces")[name])
        for key, value in load_file(path).items():
            assert_close(pieces[key], value, atol=2e-5, rtol=1e-3, msg=f"{name} {key}")


@pytest.mark.parametrize("objectives", [("batch",), ("plain",), ("queue", "match")])
def test_what_tells_rows_of_a_batch_apart_refuses_micro_batches(train, tmp_path, objectives):
    with pytest.raises(MultigraftError, match=r"the loss of pairs needs whole batches"):
        train(tmp_path / "run", *recipe(*objectives), "train.micro_batch=2")


@pytest.mark.parametrize("objectives", [("masked", "queue"), ("batch",), ("plain",), ("plain", "masked")])
def test_two_processes_are_as_one(recipe_file, tmp_path, train, objectives):
    """The sampler gives some steps a single row of the pairs, so that one process has none."""
    rare = "train.sampler={kind: weights, weights: {pairs: 1, vqa: 2}}"
    options = (*recipe(*objectives), rare, "train.batch=4")
    train(tmp_path / "one", *options)
    run_in_two(recipe_file, tmp_path / "two", *options)
    for ours, theirs in zip(losses(tmp_path / "two"), losses(tmp_path / "one"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    for name, path in files(tmp_path / "one").items():
        two = load_file(files(tmp_path / "two")[name])
        for key, value in load_file(path).items():
            assert_close(two[key], value, atol=2e-5, rtol=1e-3, msg=f"{name} {key}")


@pytest.fixture
def trainer(recipe_file, registry, tmp_path):
    """A trainer and the samples of its first step."""

    def make(*overrides):
        chosen = load_recipe(recipe_file, overrides, registry)
        run = stack.enter_context(open_run(chosen, registry, tmp_path))
        samples = next(iter(run.data.stream(Rank()).batches(0, 1)))
        return Trainer(run, make_optimizer(run.model.graft.bank, chosen.train.optimizer)), samples

    with ExitStack() as stack:
        yield make


def test_a_text_is_masked_alike_whatever_is_around_it(trainer):
    made, samples = trainer(*recipe("masked"))
    maker = StepMaker(made.run)
    together = {row.sample.annotation.id: row.texts["masked"] for row in maker.of(samples).rows if row.task == "pairs"}
    assert len(together) == 3
    for sample in samples:
        (row,) = maker.of([sample]).rows
        if row.task == "pairs":
            alone = row.texts["masked"]
            assert torch.equal(alone.ids, together[sample.annotation.id].ids)
            assert torch.equal(alone.labels, together[sample.annotation.id].labels)
            (later,) = maker.of([replace(sample, epoch=1)]).rows
            assert not torch.equal(later.texts["masked"].labels, alone.labels)


def rows_through(model, stack):
    """How many rows the first layer of a stack is run over, call by call."""
    counted = []
    layer = model.backbone.stacks[stack].layers[0]
    layer.register_forward_pre_hook(lambda _, given: counted.append(given[0].shape[0]))
    return counted


def test_a_decoder_runs_over_the_rows_that_want_one(trainer):
    """Of T5 the summary is where decoding begins, so contrast reads it of texts alone, and matching of pairs."""
    generating = "objective: [{kind: generation}, {kind: contrastive, width: 8}]"
    states = "statements: {kind: two-image-statements, data: {train: [pictures-train-*.tar]}}"
    captions = f"captions: {{kind: image-captioning, data: {{train: [pictures-train-*.tar]}}, {generating}}}"
    made, samples = trainer(f"tasks={{{states}, {captions}}}", "train.batch=8")
    encoder, decoder = (rows_through(made.run.model, stack) for stack in ("encoder", "decoder"))
    made.step(0, StepMaker(made.run).of(samples))
    assert sorted(encoder) == [4, 8]
    assert sorted(decoder) == [4, 8]


def test_a_decoder_leaves_out_rows_that_read_only_where_decoding_begins(trainer):
    classified = "objective: {kind: classification, labels: ['true', 'false']}, evaluator: classify"
    states = f"statements: {{kind: two-image-statements, data: {{train: [pictures-train-*.tar]}}, {classified}}}"
    captions = "captions: {kind: image-captioning, data: {train: [pictures-train-*.tar]}}"
    made, samples = trainer(f"tasks={{{states}, {captions}}}", "train.batch=7")
    encoder, decoder = (rows_through(made.run.model, stack) for stack in ("encoder", "decoder"))
    weightless = replace(samples[0], example=replace(samples[0].example, weight=0.0))
    rows = StepMaker(made.run).of([weightless, *samples[1:]])
    counts = [sum(row.task == task and row.weight > 0 for row in rows.rows) for task in ("statements", "captions")]
    made.step(0, rows)
    assert encoder == [6]
    assert sorted(decoder) == sorted(counts)
    assert sum(counts) == 6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (tasks("masked"), "its words are predicted from the states of targets"),
        ("no encoder", "the trunk has no encoder"),
    ],
)
def test_what_cannot_work_is_refused(train, tmp_path, override, message):
    alone = ("trunk.encoder=null", "trunk.prompt=null")
    own = [tasks("plain"), *alone] if override == "no encoder" else [override]
    with pytest.raises((OptionError, MultigraftError), match=message):
        train(tmp_path / "run", *own, "train.steps=1")
