"""Shards that hold what nobody should make: a run tells, counts, and ends well."""

import json
import shutil
import tarfile
from io import BytesIO

import pytest

GOOD = {"text": "what colour?", "answers": [{"text": "red"}], "references": ["red"], "media": ["PNG"]}
HOSTILE = (
    {"text": "what \ud83d color?"}, {"weight": float("inf")}, {"weight": 1e300}, {"weight": 10**400}, {"span": [3, 1]},
    {"span": [float("nan"), 1]}, {"id": 5}, {"task": "\ud83d"}, {"type": "\ud83d"}, {"answers": "red"},
    {"what\udc00": 1},
)  # fmt: skip
ODD = (
    {"answers": [{"text": "red", "score": 0.0}]}, {"answers": [{"text": ""}]}, {"text": "a\0b\x1b[2J\u202e"},
    {"weight": 0.0}, {"weight": 1e6}, {"id": "a/../../b"}, {"type": "a\nb"}, {"choices": ["a"] * 500},
    {"context": "y" * 9999}, {"media": ["png"] * 3},
)  # fmt: skip


@pytest.fixture
def folder(shards, tmp_path, picture_file):
    """The good shards, and beside those of pictures one more for training and for validation."""
    data = tmp_path / "data"
    shutil.copytree(shards, data, ignore=shutil.ignore_patterns("features"))
    for split in ("train", "validation"):
        with tarfile.open(data / f"pictures-{split}-hostile.tar", "w") as tar:
            for name, content in members(split, picture_file()):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, BytesIO(content))
    return data


def members(split, picture):
    for number, change in enumerate((*HOSTILE, *ODD)):
        rows = [{"id": f"{split}{task}{number}", "task": task, **GOOD, **change} for task in ("vqa", "captions")]
        yield f"h{number}.json", json.dumps({"id": "h", "annotations": rows}).encode()
        yield f"h{number}.PNG", picture
    yield from (("x.v2.json", b"{}"), ("x.v2.png", picture), ("._y.png", b""), ("deep.json", b"[" * 100_000))
    yield from (("lone.png", picture), ("none.json", b'{"id": "none", "annotations": []}'))


def test_a_run_tells_counts_and_ends_well(command, recipe_file, folder, tmp_path):
    overrides = (f"data.root={folder}", "train.steps=6", "data.bad_limit=1.0")
    options = [word for override in overrides for word in ("--set", override)]
    outcome = command("train", recipe_file, "--run", tmp_path / "run", *options)
    assert outcome.returncode == 0, outcome.stderr
    assert "Traceback" not in outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if line.startswith("problems in the data of ")]
    counts = (
        f"1 x foreign file, {2 * len(HOSTILE) + 1} x bad annotation, 1 x dotted key, 2 x no question, in 1 of 3 shards"
    )
    assert [line.partition(": ")[0].removeprefix("problems in the data of ") for line in told] == [
        f"vqa ({split}), statements ({split}), captions ({split})" for split in ("train", "validation")
    ]
    assert all(f": {counts}; the first: " in line for line in told)
    problems = json.loads((tmp_path / "run" / "results.json").read_text())["data"]["problems"]
    assert (problems["dotted key"], problems["foreign file"], problems["no question"]) == (2, 2, 4)
    assert 2 <= problems["too many images"] <= 4  # two tasks; those of validation are all read
    assert problems["bad annotation"] == 2 * (2 * len(HOSTILE) + 1)
    assert (tmp_path / "run" / "skipped.jsonl").read_bytes().decode()


def test_check_and_inspect_tell_the_same(command, recipe_file, folder):
    outcome = command("check", recipe_file, "--json", "--set", f"data.root={folder}")
    assert outcome.returncode == 0, outcome.stderr
    notes = json.loads(outcome.stdout)["notes"]
    told = [note for note in notes if note.startswith("problems in the data of ")]
    assert [f"{2 * len(HOSTILE) + 1} x bad annotation" in note for note in told] == [True, True]
    outcome = command("data", "inspect", folder, "--json")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert sum(problem["count"] for problem in found["problems"]) == 2 * (2 * len(HOSTILE) + 1 + 1 + 1 + 2)
