"""Bad samples in training: replaced, counted and listed; over the limit the run stops with the list."""

import json
import shutil

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

STEPS = ("train.steps=10", "train.batch=8", "data.bad_limit=0.5", "eval.split=none")


def record(key, task, field, text="what colour?"):
    answers = (ScoredAnswer(text="red"),)
    return Record(
        id=key, annotations=(Annotation(id=f"{key}/1", task=task, text=text, answers=answers, media=(field,)),)
    )


@pytest.fixture
def folder(shards, tmp_path, picture_file, png_header, clip_file):
    """The good shards, a shard of bad pictures, one of bad videos, and one that is cut in half."""
    data = tmp_path / "data"
    shutil.copytree(shards, data, ignore=shutil.ignore_patterns("features"))
    photo, film = picture_file(size=(200, 200), form="JPEG"), clip_file()
    bad = {
        "cut-photo": {"jpg": photo[: len(photo) // 2]},
        "text": {"jpg": b"this is a text file"},
        "huge": {"png": png_header(30_000, 30_000)},
    }
    with ShardWriter(data, "pictures-train-bad") as writer:
        for key, media in bad.items():
            writer.write(key, record(key, "vqa", next(iter(media))), media)
        writer.write("mute", record("mute", "vqa", "jpg", text=""), {"jpg": photo})
        writer.write("lost", record("lost", "vqa", "jpg"), {"png": picture_file()})
    with ShardWriter(data, "videos-train-bad") as writer:
        writer.write("empty", record("empty", "videos", "mp4"), {"mp4": b""})
        writer.write("half", record("half", "videos", "mp4"), {"mp4": film[: len(film) // 2]})
    whole = (data / "videos-train-000001.tar").read_bytes()
    (data / "videos-train-cut.tar").write_bytes(whole[: len(whole) // 2])
    return data


def skipped(run_folder):
    rows = [json.loads(line) for line in (run_folder / "skipped.jsonl").read_text().splitlines()]
    assert len({(row["key"], row["annotation"], row["reason"]) for row in rows}) == len(rows)
    return {row["key"]: row for row in rows}


def test_the_run_ends_well_and_lists_each(command, recipe_file, folder, tmp_path):
    options = [word for override in (*STEPS, f"data.root={folder}") for word in ("--set", override)]
    outcome = command("train", recipe_file, "--run", tmp_path / "run", *options)
    assert outcome.returncode == 0, outcome.stderr
    rows = skipped(tmp_path / "run")
    assert {key: row["reason"] for key, row in rows.items()} == {
        "cut-photo": "truncated image", "text": "not an image", "huge": "too large", "mute": "missing field",
        "lost": "missing field", "empty": "empty file", "half": "truncated video", "film-train10": "cut tar",
    }  # fmt: skip
    for key, shard in {"text": "pictures-train-bad-000000", "half": "videos-train-bad-000000"}.items():
        assert rows[key]["shard"] == str(folder / f"{shard}.tar")
        assert rows[key]["annotation"] == f"{key}/1"
    assert "900000000 pixels" in rows["huge"]["detail"]
    assert rows["film-train10"]["shard"] == str(folder / "videos-train-cut.tar")
    losses = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    assert len(losses) == 10
    told = [line for line in outcome.stderr.splitlines() if line.startswith("problems in the data of ")]
    assert len(told) == 2
    assert "problems in the data of vqa (train), statements (train), captions (train): 1 x missing field, " in told[0]
    assert "1 x cut tar, in 1 of 4 shards; the first: " in told[1]
    assert json.loads((tmp_path / "run" / "results.json").read_text())["data"]["problems"]["missing field"] == 2
    pace = {"train/samples_per_second", "train/waiting"}
    assert all(len(line.keys() - pace) == 6 for line in losses)


def test_a_run_that_was_killed_ends_with_the_counts_and_the_list_of_one_that_was_not(
    train, recipe_file, folder, tmp_path, stopped_after
):
    overrides = (*STEPS, f"data.root={folder}", "train.checkpoint_every=3")
    straight = train(tmp_path / "straight", *overrides)["data"]
    options = [word for override in overrides for word in ("--set", override)]
    words = ["train", recipe_file, "--run", tmp_path / "run", *options]
    stopped_after("multigraft.core.training.loop.Trainer", "step", 5, words)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["00000003"]
    assert train(tmp_path / "run", *overrides, resume=True)["data"] == straight
    assert straight["drawn"] - straight["bad"] == 80
    assert straight["bad"] > 5
    assert skipped(tmp_path / "run") == skipped(tmp_path / "straight")


def test_over_the_limit_the_run_stops_with_the_list(command, recipe_file, folder, tmp_path):
    overrides = (*STEPS, f"data.root={folder}", "data.bad_limit=0.01")
    options = [word for override in overrides for word in ("--set", override)]
    outcome = command("train", recipe_file, "--run", tmp_path / "run", *options)
    assert outcome.returncode == 2
    before = ("step ", "without scores", "problems in the data of ")
    message = [line for line in outcome.stderr.splitlines() if not line.startswith(before)]
    assert message[0].endswith(" samples are bad, more than the share `data.bad_limit: 0.01` allows")
    listed = "\n".join(message)
    assert f"{folder / 'pictures-train-bad-000000.tar'}#text text/1 not an image: " in listed
    assert f"All are in {tmp_path / 'run' / 'skipped.jsonl'}.\nMend the data or raise the limit." in listed
    assert "Traceback" not in outcome.stderr


def test_with_stored_features_they_are_listed_too(train, folder, tmp_path):
    train(tmp_path / "run", *STEPS, f"data.root={folder}", "data.features=true")
    assert set(skipped(tmp_path / "run")) == {
        "cut-photo", "text", "huge", "mute", "lost", "empty", "half", "film-train10",
    }  # fmt: skip


def test_bad_samples_of_an_evaluation_are_left_out_and_listed(train, folder, tmp_path):
    splits = "{train: [pictures-train-0*.tar], validation: [pictures-train-bad-*.tar, pictures-validation-*.tar]}"
    results = train(tmp_path / "run", f"data.root={folder}", f"tasks.vqa.data={splits}", "data.bad_limit=0")
    assert results["tasks"]["vqa"]["n"] == 10
    assert set(skipped(tmp_path / "run")) == {"cut-photo", "text", "huge", "mute", "lost", "film-train10"}
