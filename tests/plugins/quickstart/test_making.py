"""The folder that `multigraft data quickstart` makes."""

import io
import json
import os
import subprocess
import sys
from hashlib import sha256

import av
import pytest
from click.testing import CliRunner
from PIL import Image

from multigraft.core.data.manifest import missing_data
from multigraft.core.errors import MultigraftError
from multigraft.plugins.quickstart import making
from multigraft.plugins.quickstart.command import quickstart

SHARDS = [f"{source}/{split}-000000.tar" for source in ("easy-vqa", "openmoji", "babyai") for split in making.SPLITS]


def test_the_manifest_names_sources_settings_and_licences(quickstart_folder):
    manifest = json.loads((quickstart_folder / "manifest.json").read_text())

    assert list(manifest["sources"]) == ["easy-vqa", "openmoji", "babyai"]
    assert manifest["sources"]["babyai"]["settings"] == {"seed": 0, "limit": 40}
    drawing = manifest["sources"]["openmoji"]["attribution"][0]
    assert (drawing["license"], drawing["version"]) == ("CC-BY-SA-4.0", "17.0.0")
    assert drawing["text"].startswith("All emojis designed by OpenMoji")


@pytest.mark.parametrize("shard", SHARDS)
def test_every_annotation_has_its_media_and_an_id_of_its_own(quickstart_folder, samples, shard):
    read = samples(quickstart_folder / shard)
    ids = [row.id for record, _ in read for row in record.annotations]

    assert len(set(ids)) == len(ids) > 0
    for record, media in read:
        assert {field for row in record.annotations for field in row.media} <= set(media)
        assert all(row.answers or row.references for row in record.annotations)


def test_media_can_be_decoded(quickstart_folder, samples):
    for shard in SHARDS:
        for _, media in samples(quickstart_folder / shard):
            for field, data in media.items():
                if field == "mp4":
                    with av.open(io.BytesIO(data)) as container:
                        assert len(list(container.decode(video=0))) == container.streams.video[0].frames
                else:
                    Image.open(io.BytesIO(data)).load()


def test_no_picture_and_no_film_is_in_two_splits(quickstart_folder, samples):
    for source in ("openmoji", "babyai"):
        hashes = [
            {sha256(data).hexdigest() for _, media in samples(quickstart_folder / shard) for data in media.values()}
            for shard in SHARDS
            if shard.startswith(source)
        ]
        assert len(set.union(*hashes)) == sum(map(len, hashes))


def test_statements_and_yes_no_questions_cannot_be_answered_from_the_text(
    quickstart_folder, samples, majority_accuracy
):
    for shard in SHARDS[:6]:
        rows = [row for record, _ in samples(quickstart_folder / shard) for row in record.annotations]
        assert majority_accuracy([row for row in rows if row.task == "two-image-statements"]) == 0.5
        if shard.startswith("openmoji"):
            assert majority_accuracy([row for row in rows if row.type.endswith("yes-no")]) == 0.5


def test_the_same_command_gives_the_same_bytes(quickstart_folder, tmp_path):
    making.make_quickstart(tmp_path, ["easy-vqa", "openmoji", "babyai"], limit=40, episodes=40, seed=0)

    for shard in [*SHARDS, "manifest.json"]:
        assert (tmp_path / shard).read_bytes() == (quickstart_folder / shard).read_bytes(), shard


def test_what_is_there_is_kept_and_an_unfinished_source_is_begun_anew(tmp_path):
    making.make_quickstart(tmp_path, ["easy-vqa"], limit=5, episodes=3, seed=0)
    made = (tmp_path / "easy-vqa/train-000000.tar").stat().st_mtime_ns
    half = tmp_path / ".openmoji.partial"
    half.mkdir()
    (half / "train-000000.tar").write_bytes(b"cut off")

    making.make_quickstart(tmp_path, ["easy-vqa", "openmoji"], limit=5, episodes=3, seed=0)

    assert (tmp_path / "easy-vqa/train-000000.tar").stat().st_mtime_ns == made
    assert not half.exists()
    assert list(json.loads((tmp_path / "manifest.json").read_text())["sources"]) == ["easy-vqa", "openmoji"]


def test_other_settings_for_a_folder_that_is_there_are_an_error(tmp_path):
    making.make_quickstart(tmp_path, ["easy-vqa"], limit=5, episodes=3, seed=0)

    with pytest.raises(MultigraftError, match=r"'limit': 5.*'limit': 6.*another folder or delete"):
        making.make_quickstart(tmp_path, ["easy-vqa"], limit=6, episodes=3, seed=0)


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "easy-vqa").mkdir()
    (tmp_path / "easy-vqa" / "mine.txt").write_text("mine")

    with pytest.raises(MultigraftError, match="something else is there"):
        making.make_quickstart(tmp_path, ["easy-vqa"], limit=5, episodes=3, seed=0)


def test_the_command_prints_the_manifest_and_shows_whose_work_it_is(tmp_path):
    result = CliRunner().invoke(quickstart, [str(tmp_path), "--only", "openmoji", "--limit", "9", "--json"])

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sources"]["openmoji"]["splits"]["train"]["samples"] == 2
    assert "All emojis designed by OpenMoji" in result.stderr
    assert "openmoji train: 2 in" in result.stderr


def test_what_is_missing_or_cut_is_named_and_made_again(tmp_path, capsys):
    making.make_quickstart(tmp_path, ["openmoji"], limit=9, episodes=3, seed=0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    train, test = (tmp_path / "openmoji" / f"{split}-000000.tar" for split in ("train", "test"))
    train.unlink()
    os.truncate(test, 1000)
    (tmp_path / "openmoji" / "mine.txt").write_text("mine")
    assert missing_data(tmp_path).startswith("lacks what its manifest.json names: openmoji/test-000000.tar (1,000 of ")
    assert missing_data(tmp_path).endswith(" bytes), openmoji/train-000000.tar")
    capsys.readouterr()

    making.make_quickstart(tmp_path, ["openmoji"], limit=9, episodes=3, seed=0)

    assert f"{tmp_path / 'openmoji'} lacks what its manifest.json names: test-000000.tar" in capsys.readouterr().err
    tars = [path for path in before if path.suffix == ".tar"]
    assert {path: path.read_bytes() for path in tars} == {path: before[path] for path in tars}
    assert (tmp_path / "openmoji" / "mine.txt").read_text() == "mine"
    assert not missing_data(tmp_path)


@pytest.mark.parametrize("damaged", ["source.json", "manifest.json"])
def test_a_source_that_is_damaged_is_made_again(tmp_path, capsys, damaged):
    making.make_quickstart(tmp_path, ["openmoji"], limit=9, episodes=3, seed=0)
    path = tmp_path / "openmoji" / damaged
    before = path.read_text()
    path.write_text("[rubbish")

    making.make_quickstart(tmp_path, ["openmoji"], limit=9, episodes=3, seed=0)

    assert "damaged" in capsys.readouterr().err
    assert path.read_text() == before


def test_two_at_once_make_one_whole_folder(tmp_path):
    words = [sys.executable, "-m", "multigraft", "data", "quickstart", tmp_path / "data", "--only", "openmoji"]
    processes = [
        subprocess.Popen([*map(str, words), "--limit", "40"], stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sum("openmoji train: " in text for text in said) == 1, said
    assert not missing_data(tmp_path / "data")
    assert not list((tmp_path / "data").glob(".*"))


def test_a_killed_one_is_begun_anew_by_the_next(stopped_after, tmp_path):
    words = ["data", "quickstart", tmp_path / "data", "--only", "openmoji"]
    stopped_after("multigraft.plugins.quickstart.making", "_make_split", 2, words)
    left = tmp_path / "data" / ".openmoji.partial"
    assert {path.name for path in left.glob("*.tar")} == {"train-000000.tar", "validation-000000.tar"}

    making.make_quickstart(tmp_path / "data", ["openmoji"], limit=9, episodes=3, seed=0)

    assert {path.name for path in (tmp_path / "data").iterdir()} == {"openmoji", "manifest.json"}
    assert not missing_data(tmp_path / "data")
