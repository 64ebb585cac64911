"""Checkpoints are whole or not there, whatever happens while one is written; and only what fits is loaded."""

import errno
import json
import os
import resource
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.saving import load_graft, save_graft
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.training import session
from multigraft.core.training.checkpoint import graft_facts

ENOUGH_FOR_THE_GRAFT = 40_000
"""Bytes that a file may have at most: the optimizer's state is larger."""


@pytest.fixture(scope="module")
def one_step(train, tmp_path_factory):
    """A run with one checkpoint."""
    folder = tmp_path_factory.mktemp("one") / "run"
    train(folder, "train.steps=1", "eval.split=none")
    return folder


@pytest.fixture
def run_folder(one_step, tmp_path):
    """A copy of it."""
    shutil.copytree(one_step, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def go_on(run_folder, registry):
    """Make further steps."""

    def run(steps):
        recipe = load_recipe(run_folder / "recipe.yaml", (f"train.steps={steps}",), registry)
        return session.train(recipe, registry, run_folder, resume=True)

    return run


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_system_that_takes_no_more(run_folder, command, go_on):
    def allow_little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (ENOUGH_FOR_THE_GRAFT, ENOUGH_FOR_THE_GRAFT))

    before = contents(run_folder / "checkpoints")
    words = ["train", "--resume", run_folder, "--set", "train.steps=2"]
    outcome = command(*words, preexec_fn=allow_little)
    assert outcome.returncode == 2
    last = run_folder / "checkpoints"
    assert outcome.stderr.splitlines()[-2:] == [
        f"{last}/00000002 cannot be written: Error while serializing: I/O error: File too large (os error 27); "
        f"{last}/00000001 is whole and the run goes on from there",
        f"go on from the last checkpoint: multigraft train --resume {run_folder}",
    ]
    assert "Traceback" not in outcome.stderr
    assert contents(last) == before
    go_on(2)
    assert [path.name for path in sorted(last.iterdir())] == ["00000001", "00000002"]


def test_features_that_cannot_be_written(command, recipe_file, shards, tmp_path):
    def allow_little():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    shutil.copytree(shards, tmp_path / "data", ignore=shutil.ignore_patterns("features"))
    words = ["--set", f"data.root={tmp_path / 'data'}", "--set", "data.features=true"]
    outcome = command("train", recipe_file, "--run", tmp_path / "run", *words, preexec_fn=allow_little)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines()[-1] == f"{tmp_path / 'data' / 'features'} cannot be written: File too large"
    assert "Traceback" not in outcome.stderr
    assert not list((tmp_path / "data" / "features").rglob("*.tar*"))


def test_no_space_left_is_told_by_the_system_at_the_end(run_folder, go_on, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = contents(run_folder / "checkpoints")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MultigraftError, match=r"00000002 cannot be written: No space left on device; .*00000001 is"):
        go_on(2)
    assert contents(run_folder / "checkpoints") == before


def test_what_a_kill_left_half_written_is_no_checkpoint(run_folder, go_on):
    partial = run_folder / "checkpoints" / ".00000002.partial"
    shutil.copytree(run_folder / "checkpoints" / "00000001", partial)
    (partial / "graft" / "shared.safetensors").write_bytes(b"half")
    go_on(3)
    names = sorted(path.name for path in (run_folder / "checkpoints").iterdir())
    assert names == ["00000001", "00000003"]


def test_old_checkpoints_are_dropped(train, tmp_path):
    train(tmp_path, "train.steps=5", "train.checkpoint_every=1", "train.keep=3", "eval.split=none")
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["00000003", "00000004", "00000005"]


@pytest.fixture(scope="module")
def opened(one_step, registry, tmp_path_factory):
    """The run's model with its start values."""
    recipe = load_recipe(one_step / "recipe.yaml", (), registry)
    with open_run(recipe, registry, tmp_path_factory.mktemp("opened")) as run:
        yield run


@pytest.fixture
def graft(run_folder):
    """The folder of the saved graft."""
    return run_folder / "checkpoints" / "00000001" / "graft"


@pytest.fixture
def load(opened, graft):
    """Load the graft, or fail and leave the bank as it is."""

    def run():
        bank = opened.model.graft.bank
        before = bank.snapshot()
        try:
            load_graft(graft, bank, opened.trunk.fingerprints)
        except MultigraftError:
            assert all(torch.equal(value, before[key]) for key, value in bank.trained().items())
            raise

    return run


def edit_json(folder, **changes):
    facts = json.loads((folder / "graft.json").read_text())
    for name, value in changes.items():
        facts[name] = value(facts.get(name)) if callable(value) else value
    (folder / "graft.json").write_text(json.dumps(facts))


def edit_shared(folder, change):
    """Change the tensors of `shared.safetensors`, and graft.json's listing with them."""
    path = folder / "shared.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    listing = {name: list(value.shape) for name, value in tensors.items()}
    edit_json(folder, tensors=lambda scopes: {**scopes, "shared": listing})


def test_what_was_saved_comes_back(opened, load, tmp_path):
    bank = opened.model.graft.bank
    bank.restart()
    load()
    save_graft(tmp_path / "again", bank, graft_facts(opened))
    load()
    assert not all(torch.equal(value, bank.start_value(key)) for key, value in bank.trained().items())


NAME = "encoder.final-norm/norms.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(NAME), rf"\(1 missing, 0 unknown\): missing shared/{NAME}"),
        (lambda tensors: tensors.update(more=torch.ones(1)), r"\(0 missing, 1 unknown\): unknown shared/more"),
        (lambda tensors: tensors.update({NAME: torch.ones(4, 4)}), rf"shared/{NAME} has shape \(4, 4\), not \(16,\)"),
        (lambda tensors: tensors.update({NAME: torch.ones(16).int()}), r"is torch.int32, not torch.float32"),
    ],
)
def test_tensors_that_do_not_fit(load, graft, change, message):
    edit_shared(graft, change)
    with pytest.raises(MultigraftError, match=message):
        load()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trunk": {"backbone": "t5:0", "encoder": "x"}}, r"another trunk. Its backbone was t5:0; here it is t5:"),
        ({"trunk": lambda trunk: {**trunk, "sound": "s:1"}}, "Its sound was s:1; here it is none"),
        ({"format": 2}, "graft format 2; this version reads 1"),
        ({"tasks": "vqa"}, "damaged: tasks: Input should be a valid list"),
        ({"tensors": ["shared"]}, "damaged: tensors: Input should be a valid dictionary"),
        ({"recipe": None, "plugins": 3}, "damaged: recipe: Input should be a valid string; plugins: Input should be a"),
        ({"more": 1}, "damaged: more: Extra inputs are not permitted"),
        ({"frozen": {"shared/x/y": "00"}}, "frozen random tensors differ: shared/x/y"),
        ({"tensors": lambda scopes: {**scopes, "../../x": {}}}, "task scope '../../x' is not `shared`"),
        ({"tensors": lambda scopes: {**scopes, "shared": {}}}, "does not hold the tensors that graft.json lists"),
    ],
)
def test_facts_that_do_not_fit(load, graft, changes, message):
    edit_json(graft, **changes)
    with pytest.raises(MultigraftError, match=message):
        load()


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00\x01"])
def test_a_listing_that_is_none(load, graft, text):
    (graft / "graft.json").write_text(text)
    with pytest.raises(MultigraftError, match=r"holds no graft|graft format None"):
        load()


@pytest.mark.parametrize("keep", [0, 7, 100, -10])
def test_a_file_of_tensors_that_is_cut(load, graft, keep):
    path = graft / "shared.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(MultigraftError, match=r"shared\.safetensors cannot be read: "):
        load()


def test_a_file_of_tensors_that_is_missing(load, graft):
    (graft / "task-vqa.safetensors").unlink()
    with pytest.raises(MultigraftError, match=r"task-vqa\.safetensors cannot be read: No such file"):
        load()


def test_another_trunk_is_told_at_the_command_line(run_folder, command):
    recipe = (run_folder / "recipe.yaml").read_text()
    (run_folder / "recipe.yaml").write_text(recipe.replace("    seed: 0\n", "    seed: 1\n"))
    outcome = command("export", run_folder, "--task", "vqa")
    assert outcome.returncode == 2
    assert "this graft belongs to another trunk. Its backbone was t5:" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_a_mistyped_key_of_a_saved_graft_is_told_at_the_command_line(run_folder, command):
    """Of an adapter's options, which are in the recipe beside the tensors."""
    recipe = (run_folder / "recipe.yaml").read_text()
    assert recipe.count("activation:") == 1
    (run_folder / "recipe.yaml").write_text(recipe.replace("activation:", "actvation:"))
    outcome = command("export", run_folder, "--task", "vqa")
    assert outcome.returncode == 2
    assert "graft.adapters.0.actvation: unknown key" in outcome.stderr
    assert "did you mean 'activation'?" in outcome.stderr


def test_a_recipe_that_does_not_say_keeps_every_tenth_of_its_steps(train, tmp_path):
    train(tmp_path / "run", "train.steps=20", "train.checkpoint_every=null", "train.batch=4", "eval.split=none")
    assert [path.name for path in sorted((tmp_path / "run/checkpoints").iterdir())] == ["00000018", "00000020"]
