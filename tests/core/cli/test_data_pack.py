"""`multigraft data pack`: people's own tables and media to shards."""

import json

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.shard import open_shard

TASK = "visual-question-answering"


@pytest.fixture
def pictures(tmp_path, picture_file):
    """A folder of three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("red.PNG", "green.png", "blue.png"):
        (folder / name).write_bytes(picture_file(name[:-4]))
    return folder


@pytest.fixture
def rows(tmp_path):
    """Write JSON lines; the file's path."""

    def write(*rows, name="questions.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    return write


def pack(*words):
    return CliRunner().invoke(cli, ["data", "pack", *map(str, words), "--task", TASK])


def annotations(shard):
    found = open_shard(shard)
    return [found.annotation(row) for row in range(len(found.index.annotations.task))]


def test_json_lines_and_a_folder_of_pictures_become_a_shard(rows, pictures, tmp_path):
    file = rows(
        {"question": "which colour?", "answer": "red", "file": "red.PNG"},
        {"question": "and this?", "answer": ["green", "lime"], "file": "green.png"},
        {"question": "is it warm?", "answer": {"text": "yes", "score": 0.7}, "file": "./red.PNG"},
    )
    out = tmp_path / "shards"
    packed = pack(file, out, "--media", pictures, "--map", "question=text,answer=answers,file=media", "--json")
    assert packed.exit_code == 0, packed.stderr
    assert json.loads(packed.stdout)["counts"] == {"rows": 3, "annotations": 3, "samples": 2, "dropped": {}}
    red, warm, green = annotations(out / "train-000000.tar")
    assert (red.id, red.task, red.text, red.media) == ("questions#0", TASK, "which colour?", ("png",))
    assert (warm.id, warm.answers[0].score, warm.media) == ("questions#2", 0.7, ("png",))
    assert [answer.text for answer in green.answers] == ["green", "lime"]
    shard = open_shard(out / "train-000000.tar")
    assert [shard.read(sample, "png") for sample in range(2)] == [
        (pictures / name).read_bytes() for name in ("red.PNG", "green.png")
    ]


def test_people_are_told_on_stderr_and_stdout_is_empty(rows, pictures, tmp_path):
    packed = pack(rows({"text": "a", "media": "red.PNG"}), tmp_path / "my shards", "--media", pictures)
    assert packed.stdout == ""
    assert packed.stderr.splitlines()[-2:] == [
        f"{tmp_path}/my shards: 1 of 1 rows packed, as 1 samples in 1 shards train-*.tar",
        f"next: multigraft data inspect '{tmp_path}/my shards'",
    ]
    shown = CliRunner().invoke(cli, ["data", "inspect", str(tmp_path / "my shards")])
    assert "1 samples" in shown.stdout


def test_media_lie_beside_the_table_if_nobody_says_where(rows, pictures):
    (pictures.parent / "questions.csv").write_text("text,media\nwhich?,pictures/blue.png\n")
    packed = pack(pictures.parent / "questions.csv", pictures.parent / "out", "--json")
    assert json.loads(packed.stdout)["of"]["media"] == [str(pictures.parent)]
