"""Stored features of sound: the same training as by decoding, and told and made again where damaged or missing."""

import shutil

import pytest

PLAIN = ("eval.split=none", "trunk.backbone.architecture.dropout_rate=0.0", "train.steps=2")


@pytest.fixture(scope="module")
def folder(sounds, tmp_path_factory):
    """A copy of the sounds, beside which their features come to lie."""
    copy = tmp_path_factory.mktemp("stored") / "sounds"
    shutil.copytree(sounds, copy, ignore=shutil.ignore_patterns("features"))
    return copy


@pytest.fixture(scope="module")
def train_stored(train_hearing, losses, folder):
    """Train on stored features; gives the losses."""

    def run(target):
        train_hearing(target, *PLAIN, f"data.root={folder}", "data.features=true")
        return losses(target)[:2]

    return run


@pytest.fixture(scope="module")
def stored(train_stored, tmp_path_factory):
    """The losses on stored features, which lie there afterwards."""
    return train_stored(tmp_path_factory.mktemp("stored") / "run")


@pytest.fixture
def of_training(folder, stored):
    """The shards of features of the sounds and of the pictures beside them."""
    return sorted((folder / "features").rglob("sounds-train-*.tar"))


def test_stored_features_give_the_losses_of_decoding(train_hearing, losses, stored, tmp_path):
    train_hearing(tmp_path / "run", *PLAIN)
    for ours, theirs in zip(stored, losses(tmp_path / "run")[:2], strict=True):
        assert set(ours) == {f"train/{task}/loss" for task in ("vqa", "videos", "sounds", "scenes", "notes")}
        assert ours == pytest.approx(theirs, rel=5e-3)


def test_each_modality_has_features_of_its_own(of_training):
    assert len({path.parent for path in of_training}) == 2
    assert len(of_training) == 2 * 2


def test_damaged_features_are_named_and_made_again(train_stored, stored, of_training, tmp_path, capsys):
    for path in of_training:
        data = bytearray(path.read_bytes())
        data[511 + int(data[124:135], 8)] ^= 1  # the last byte of the first file's tensors
        path.write_bytes(data)
    assert train_stored(tmp_path / "run") == stored
    told = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
    assert len(told) == 4
    for path, line in zip(of_training, sorted(told), strict=True):
        assert line.startswith(f"the stored features {path} are damaged, and made again: 00000000.")
        assert line.endswith(".safetensors has another checksum than when it was stored")


def test_missing_features_are_made_again(train_stored, stored, of_training, tmp_path, capsys):
    for path in of_training:
        path.unlink()
    assert train_stored(tmp_path / "run") == stored
    assert capsys.readouterr().err.count("encoding media: 12/12") == 2
