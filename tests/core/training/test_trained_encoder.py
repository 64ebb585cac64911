"""`graft.train.encoder`: the encoder learns in place, and is saved, resumed, exported and set back with the graft."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from multigraft.core.data.reader import SampleReader
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.evaluation.questions import Question
from multigraft.core.evaluation.results import control_scores
from multigraft.core.graft.bank import hash_tensors
from multigraft.core.graft.saving import GraftError
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run

TUNED = ("graft.train.encoder=true", "train.optimizer={schedule: constant, warmup: 0, rate: 2.0e-2}")
FOUR = (*TUNED, "train.steps=4", "train.checkpoint_every=2", "eval.controls=[untrained]")
LAST = "checkpoints/00000004/graft/shared.safetensors"
OWN = "encoder/encoder."
PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
LOOKING_AND_READING = (
    f"tasks={{vqa: {{kind: visual-question-answering, {PICTURES}}}, "
    f"notes: {{kind: text-denoising, annotations: vqa, {PICTURES}}}}}",
    "trunk.backbone.architecture.dropout_rate=0", "train.batch=2", "train.steps=3", "eval.split=none",
    "train.optimizer.rate=1.0e-3",
)  # fmt: skip
"""Each of two processes has one row, one of them without media."""


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """A run of four steps with two checkpoints and the control `untrained`."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    train(folder, *FOUR)
    return folder


@pytest.fixture(scope="module")
def exported(command, straight, tmp_path_factory):
    """One task of it, in a folder that answers alone."""
    folder = tmp_path_factory.mktemp("exported") / "vqa"
    outcome = command("export", straight, "--task", "vqa", "--to", folder)
    assert outcome.returncode == 0, outcome.stderr
    return folder


def encoder_of(path):
    return {name.removeprefix(OWN): value for name, value in load_file(path).items() if name.startswith(OWN)}


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_every_tensor_of_the_encoder_moves_and_is_saved(straight, registry):
    recipe = load_recipe(straight / "recipe.yaml", (), registry)
    fresh = dict(build_trunk(recipe, registry).encoders["visual"].named_parameters())
    saved = encoder_of(straight / LAST)
    assert saved.keys() == fresh.keys()
    assert [name for name, value in saved.items() if torch.equal(value, fresh[name])] == []


def test_a_run_goes_on_bit_equal(straight, train, tmp_path):
    train(tmp_path / "half", *FOUR, "train.steps=2")
    train(tmp_path / "half", *FOUR, resume=True)
    for path in (straight / "checkpoints" / "00000004").rglob("*.safetensors"):
        assert (tmp_path / "half" / path.relative_to(straight)).read_bytes() == path.read_bytes()
    assert results(tmp_path / "half")["tasks"] == results(straight)["tasks"]


def test_what_is_saved_scores_as_what_was_trained(straight, command, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    outcome = command("eval", tmp_path / "run", "--split", "validation", "--control", "untrained")
    assert outcome.returncode == 0, outcome.stderr
    ours, theirs = results(tmp_path / "run"), results(straight)
    assert ours["tasks"] == theirs["tasks"]
    assert ours["controls"] == theirs["controls"]


def test_an_exported_task_answers_with_the_trained_encoder(straight, exported, registry, tmp_path, picture_file):
    (tmp_path / "red.png").write_bytes(picture_file((220, 30, 30)))
    question = Question("vqa", "what colour?", (tmp_path / "red.png",))

    def scored(folder):
        with Predictor.load(folder, registry) as predictor:
            return predictor.score([(question, text) for text in ("red", "blue", "dark green")])

    whole = scored(straight)
    assert scored(exported) == pytest.approx(whole, abs=1e-5)
    assert encoder_of(exported / "graft" / "shared.safetensors").keys() == encoder_of(straight / LAST).keys()
    shutil.copytree(straight, tmp_path / "frozen")
    path = tmp_path / "frozen" / LAST
    recipe = load_recipe(straight / "recipe.yaml", (), registry)
    fresh = build_trunk(recipe, registry).encoders["visual"].named_parameters(prefix="encoder/encoder")
    _replace(path, {name: value.detach().contiguous() for name, value in fresh})
    assert scored(tmp_path / "frozen") != pytest.approx(whole, abs=1e-2)


def _replace(path, tensors):
    before = load_file(path)
    assert tensors.keys() < before.keys()
    save_file(before | tensors, path)


def test_no_other_graft_fits_over_a_trained_encoder(straight, train, registry, tmp_path):
    train(tmp_path / "frozen", "train.steps=1", "eval.split=none")
    for folders in ({"a": straight, "b": tmp_path / "frozen"}, {"b": tmp_path / "frozen", "a": straight}):
        with pytest.raises(MultigraftError, match="has trained its encoder in place, and no other graft fits over it"):
            Predictor.load(folders, registry)


def test_a_graft_of_another_encoder_is_refused(exported, registry, tmp_path):
    shutil.copytree(exported, tmp_path / "other")
    recipe = tmp_path / "other" / "recipe.yaml"
    assert "size: 64" in recipe.read_text()
    recipe.write_text(recipe.read_text().replace("size: 64", "size: 96"))
    with pytest.raises(
        GraftError, match=r"this graft belongs to another trunk\. Its encoder was timm:test_efficientnet"
    ):
        Predictor.load(tmp_path / "other", registry)


def test_untrained_sets_the_encoder_back_and_puts_it_there_again(recipe_file, registry, tmp_path):
    with open_run(load_recipe(recipe_file, TUNED, registry), registry, tmp_path) as run:
        bank, reader, seen = run.model.graft.bank, run.data.reader, set()
        parameters = list(run.model.encoders["visual"].parameters())

        class Watching(SampleReader):
            """Notes the encoder's values while samples are read."""

            def read(self, source, place, seed):
                seen.add(hash_tensors(parameters))
                return reader.read(source, place, seed)

        run.data.reader = Watching(None)
        start = hash_tensors(parameters)
        with torch.no_grad():
            for value in bank.trained().values():
                value.mul_(1.5)
        moved = hash_tensors(parameters)
        control_scores(run, "untrained", "validation")
        assert moved != start
        assert seen == {start}
        assert hash_tensors(parameters) == moved


def test_two_processes_of_which_one_sees_no_media_train_as_one(train, recipe_file, tmp_path):
    steady = "train.optimizer.epsilon=1.0e-4"  # AdamW makes steps of roundings where a gradient is no larger than these
    overrides = ("graft.train.encoder=true", steady, *LOOKING_AND_READING)
    train(tmp_path / "one", *overrides)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "multigraft", "train"]
    options = [word for override in overrides for word in ("--set", override)]
    outcome = subprocess.run(
        [sys.executable, "-m", *launcher, str(recipe_file), "--run", "two", *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert outcome.returncode == 0, outcome.stderr
    files = list((tmp_path / "one" / "checkpoints" / "00000003").rglob("*.safetensors"))
    assert len(files) > 1
    for path in files:
        ours, theirs = load_file(tmp_path / "two" / path.relative_to(tmp_path / "one")), load_file(path)
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert_close(ours[name], value, atol=1e-5, rtol=1e-4, msg=name)
