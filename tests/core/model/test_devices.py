"""`device` in a recipe: what is not there is refused with what is, in training, scoring and prediction alike."""

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.model.devices import device_of, devices_there
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.distributed import join_processes
from multigraft.core.training.evaluate_saved import evaluate_saved

absent = "cuda:99"
REFUSED = rf"`device: cuda:99` is not on this machine; it has {', '.join(devices_there())}"


def test_what_is_there_is_taken():
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type in devices_there()
    assert join_processes("cpu").device == torch.device("cpu")


def test_a_device_that_is_not_there(train, trained, registry, tmp_path):
    with pytest.raises(MultigraftError, match=REFUSED):
        train(tmp_path / "run", f"device={absent}")
    assert not (tmp_path / "run").exists()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "checkpoints").symlink_to(trained.folder / "checkpoints")
    text = (trained.folder / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(text.replace("device: auto", f"device: {absent}"))
    with pytest.raises(MultigraftError, match=REFUSED):
        evaluate_saved(copy, registry, None, [])
    with pytest.raises(MultigraftError, match=REFUSED):
        Predictor.load(copy, registry)


def test_one_device_for_several_processes_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    if not torch.backends.mps.is_available() and not torch.cuda.is_available():
        pytest.skip("needs a device that several processes cannot share")
    with pytest.raises(MultigraftError, match="is one device, and 2 processes were started"):
        join_processes("cuda:0" if torch.cuda.is_available() else "mps")


def test_a_name_of_another_form_is_told_at_its_line(recipe_file, registry):
    with pytest.raises(MultigraftError, match=r"'gpu' is none of `auto`, `cpu`, `cuda`, `cuda:N`, `mps`"):
        load_recipe(recipe_file, ("device=gpu",), registry)
