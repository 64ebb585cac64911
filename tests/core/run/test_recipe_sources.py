"""What a run reads of a recipe's sources: annotations made into shards once, media from where they lie."""

import json
import random
import tarfile
from io import BytesIO

import pytest

from multigraft.core.data.indexing import unsaved_indices
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import BadSample, MultigraftError, OptionError
from multigraft.core.evaluation.donors import Donors
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run import recipe_sources
from multigraft.core.run.kept_sources import nothing_made_of_sources_kept
from multigraft.core.run.recipe_sources import SOURCES
from multigraft.core.run.run_data import RunData
from multigraft.core.types.rank import Rank
from multigraft.core.types.transform import Transform

IMAGE = Transform(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture
def data_of(registry):
    """The data of a recipe, with its text alone or with pictures."""

    def make(recipe, *overrides, log=None, pictures=False):
        loaded = load_recipe(recipe, overrides, registry)
        return RunData(loaded, registry, {"visual": IMAGE} if pictures else {}, log or SkippedLog(None, 1.0))

    return make


def annotations(source):
    return [shard.annotation(row) for shard, row in map(source.locate, source.places())]


def made_in(folder):
    return sorted(path for path in (folder / SOURCES).iterdir() if path.is_dir())


def test_annotations_are_those_of_the_rows_and_media_are_read_by_name(tables, data_of):
    source = data_of(tables.recipe).source("vqa", "train")
    found = {each.id: each for each in annotations(source)}
    assert list(found)[:4] == ["train#0", "train#12", "train#1", "train#13"], "rows about one picture are neighbours"
    assert {each.task for each in found.values()} == {"visual-question-answering"}
    assert (found["train#1"].text, found["train#1"].media) == ("what colour is 1?", ("more/1.png",))
    (shard,) = source.opened
    for row in source.rows(0).tolist():
        (name,) = shard.annotation(row).media
        assert shard.read(shard.sample(row), name) == (tables.folder / "images" / name).read_bytes()


def test_the_annotations_of_a_source_take_the_task_that_the_recipe_takes(tables, data_of):
    data = data_of(tables.recipe, "tasks.vqa.annotations=colours")
    assert {each.task for each in annotations(data.source("vqa", "train"))} == {"colours"}
    data = data_of(tables.recipe, "tasks.vqa.data.train.task=vqa")
    assert {each.task for each in annotations(data.source("vqa", "train"))} == {"vqa"}


def test_sources_and_shards_stand_in_one_split(tables, data_of):
    first = data_of(tables.recipe).source("vqa", "train").shards[0]
    packed = tables.folder / "packed.tar"
    packed.write_bytes(first.read_bytes())
    both = "[packed.tar, {table: validation.csv, map: {question: text, answer: answers, image: media}}]"
    source = data_of(tables.recipe, f"tasks.vqa.data.train={both}").source("vqa", "train")
    assert source.counts == [24, 10]
    with pytest.raises(BadSample, match=r"media apart: 0.png lies apart from this shard"):
        source.opened[0].read(0, "0.png")


def test_a_table_that_has_not_changed_is_not_read_again(tables, data_of, capsys):
    data_of(tables.recipe).source("vqa", "train")
    assert "reading train.jsonl" in capsys.readouterr().err
    data_of(tables.recipe).source("vqa", "train")
    assert "reading" not in capsys.readouterr().err


def test_what_a_killed_process_left_is_made_again(tables, data_of):
    before = data_of(tables.recipe).source("vqa", "train").contents
    (folder,) = made_in(tables.folder)
    (folder / "manifest.json").unlink()
    (folder / "annotations-000007.tar").write_bytes(b"half")
    assert data_of(tables.recipe).source("vqa", "train").contents == before
    assert sorted(path.name for path in folder.glob("*.tar")) == ["annotations-000000.tar"]


def test_folders_that_move_together_are_the_same_source(tables, data_of):
    before = data_of(tables.recipe).source("vqa", "train")
    moved = tables.folder.rename(tables.folder.with_name("moved"))
    after = data_of(moved / "recipe.yaml", f"data.root={moved}").source("vqa", "train")
    assert [path.relative_to(moved) for path in after.shards] == [
        path.relative_to(tables.folder) for path in before.shards
    ]


def test_a_folder_of_pictures_is_looked_through_each_time(tables, data_of):
    (tables.folder / "classes" / "red").mkdir(parents=True)
    (tables.folder / "classes" / "red" / "a.png").write_bytes(b"a")
    train = "tasks.vqa.data.train={images: classes, question: what}"
    assert data_of(tables.recipe, train).source("vqa", "train").size == 1
    (tables.folder / "classes" / "red" / "b.png").write_bytes(b"b")
    source = data_of(tables.recipe, train).source("vqa", "train")
    assert [each.media for each in annotations(source)] == [("red/a.png",), ("red/b.png",)]


def test_who_must_write_nothing_makes_them_elsewhere(tables, data_of):
    for looking in (nothing_made_of_sources_kept, unsaved_indices):
        with looking():
            data = data_of(tables.recipe)
            path = data.source("vqa", "train").shards[0]
        assert path.is_file()
        assert not (tables.folder / SOURCES).exists()
        del data
        assert not path.exists(), "it is gone with who looked at it"


def test_what_was_made_of_a_table_with_other_maps_is_told_with_its_size(tables, data_of, capsys):
    maps = ("{question: text, image: media}", "{question: text}", "{question: context, image: media}")
    told = []
    for columns in maps:
        data_of(tables.recipe, f"tasks.vqa.data.other={{table: train.jsonl, media: images, map: {columns}}}").source(
            "vqa", "other"
        )
        told.append(capsys.readouterr().err)
    first, second, _ = made = sorted((tables.folder / ".sources").iterdir(), key=lambda each: each.stat().st_ctime_ns)
    assert len(made) == 3
    assert "holds" not in told[0]
    assert f"holds 1 of the same files as they were before or read with other options, 0.0 MB: {first.name}" in told[1]
    assert "holds 2 of the same files" in told[2]
    assert all(f"{each.name} (0.0 MB)" in told[2] for each in (first, second))


def test_a_folder_that_cannot_be_written_to(tables, data_of, monkeypatch, capsys):
    monkeypatch.setattr(recipe_sources.os, "access", lambda path, mode: False)  # root may write anywhere
    assert data_of(tables.recipe).source("vqa", "train").size == 24
    assert "what is made of train.jsonl lies in a temporary folder" in capsys.readouterr().err
    assert not (tables.folder / SOURCES).exists()


def test_bad_rows_are_listed_and_counted(tables, data_of):
    text = (tables.folder / "validation.csv").read_text()
    (tables.folder / "validation.csv").write_text(text + "too,many,cells,here\nwhat?,red,../outside.png\n")
    log = SkippedLog(None, 1.0)
    data = data_of(tables.recipe, "data.bad_limit=0.2", log=log)
    assert data.source("vqa", "validation").size == 10
    csv = str(tables.folder / "validation.csv")
    told = [(each.shard, each.key, each.reason) for each in log.listed]
    assert told == [(csv, "10", "bad row"), (csv, "11", "bad medium name")]
    assert data.problem_lines(["validation"]) == [
        f"rows that cannot be used: 1 x bad row, 1 x bad medium name; the first: {csv}#10 "
        "line 12: 4 cells, where the first line names 3 columns"
    ]
    (folder,) = made_in(tables.folder)
    lines = [json.loads(line) for line in (folder / "dropped.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == ["validation#10", "validation#11"]


def test_many_bad_rows_are_counted_where_they_are_not_listed(tables, data_of):
    with (tables.folder / "validation.csv").open("a") as file:
        file.write("1,2\n" * 130)
    log = SkippedLog(None, 1.0)
    data_of(tables.recipe, "data.bad_limit=1", log=log).source("vqa", "validation")
    assert len(log.listed) == 101
    assert log.facts()["problems"] == {"bad row": 130}


def test_more_bad_rows_than_the_limit_are_refused(tables, data_of):
    with (tables.folder / "validation.csv").open("a") as file:
        file.write("1,2\n")
    with pytest.raises(OptionError) as caught:
        data_of(tables.recipe).source("vqa", "validation")
    assert caught.value.location == (0,)
    assert str(caught.value) == (
        "1 of 11 rows of validation.csv cannot be used, more than the share `data.bad_limit: 0.01` allows\n"
        "  validation#10: bad row: line 12: 2 cells, where the first line names 3 columns"
    )
    (tables.folder / "validation.csv").write_text("question,answer,image\nwhat?,red,../1.png\n")
    with pytest.raises(OptionError, match=r"validation.csv has no row that can be used, of 1\n"):
        data_of(tables.recipe, "data.bad_limit=1").source("vqa", "validation")


def test_a_missing_picture_is_replaced_and_counted(tables, data_of):
    (tables.folder / "images" / "0.png").unlink()
    log = SkippedLog(None, 1.0)
    data = data_of(tables.recipe, "train.steps=6", log=log, pictures=True)
    try:
        samples = [sample for batch in data.stream(Rank(0, 1)).batches(0, 6) for sample in batch]
    finally:
        data.close()
    assert len(samples) == 48
    assert all(sample.annotation.media != ("0.png",) for sample in samples)
    assert {(each.annotation, each.reason, each.detail) for each in log.listed} == {
        ("train#0", "missing medium", "0.png"), ("train#12", "missing medium", "0.png"),
    }  # fmt: skip
    assert log.bad >= 4, "each of the two in each epoch"


def test_media_in_tars_by_key_and_field(tables, data_of):
    pictures = [f"{number}.png" for number in range(0, 12, 2)]
    with tarfile.open(tables.folder / "a.tar", "w") as tar:
        for name in pictures:
            tar.add(tables.folder / "images" / name, name)
    source = data_of(tables.recipe, "tasks.vqa.data.train.media=[images/more/.., a.tar]").source("vqa", "train")
    with pytest.raises(BadSample, match=r"ambiguous medium: 0.png is in several of the folders and tars"):
        source.opened[0].read(0, "0.png")
    rows = [{"text": "what?", "answers": "red", "media": name} for name in pictures]
    (tables.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = "tasks.vqa.data.train={table: train.jsonl, media: '*.tar'}"
    data = data_of(tables.recipe, train, pictures=True)
    source = data.source("vqa", "train")
    samples = [data.reader.read(source, place, None) for place in source.places()]
    data.close()
    assert [each.annotation.media[0] for each in samples] == pictures
    assert [each.media[0].kind for each in samples] == ["image"] * 6


def test_rows_about_one_picture_are_about_one_medium(tables, data_of):
    data = data_of(tables.recipe, pictures=True)
    source = data.source("vqa", "train")
    first, second, third = (data.reader.read(source, place, None) for place in list(source.places())[:3])
    data.close()
    assert first.media_home == second.media_home == third.media_home != ""
    assert first.annotation.media == second.annotation.media != third.annotation.media


def test_donors_have_other_pictures(tables, data_of):
    data = data_of(tables.recipe)
    source = data.source("vqa", "train")
    donors = Donors(source, {"png": "image"})
    place = next(iter(source.places()))
    others = map(source.locate, donors.of(place, random.Random(0)))
    found = [shard.annotation(row).media for shard, row in others]
    assert len(found) == 22
    assert ("0.png",) not in found


def test_kinds_of_media_by_the_endings_of_their_names(tables, data_of):
    data = data_of(tables.recipe)
    assert data.kinds("vqa", "train") == ["image"]
    assert not data.has_kind("vqa", "train", "video")


def test_features_are_stored_of_packed_media_alone(tables, data_of):
    data = data_of(tables.recipe)
    with pytest.raises(MultigraftError, match=r"task 'vqa', split 'train': `data.features` stores what lies in shards"):
        data.store_features({}, lambda done, total: None, True)


def test_two_splits_of_one_table_have_the_same_contents(tables, data_of):
    table = "table: train.jsonl, map: {question: text, image: media}"
    splits = (f"tasks.vqa.data.a={{{table}}}", f"tasks.vqa.data.b={{{table}, media: images}}")
    data = data_of(tables.recipe, *splits)
    assert data.source("vqa", "a").contents == data.source("vqa", "b").contents
    assert data.source("vqa", "a").contents != data.source("vqa", "train").contents


def test_other_files_of_a_source_start_at_the_same_folder_and_count_too(tables, data_of):
    questions = [{"image_id": 1, "question": "what?", "question_id": 10}]
    answers = [{"answer": word} for word in ("red", "red", "green")]
    (tables.folder / "q.json").write_text(json.dumps({"questions": questions, "data_subtype": "train2014"}))
    asked = {"question_id": 10, "image_id": 1, "answers": answers, "answer_type": "other", "question_type": "what"}
    (tables.folder / "a.json").write_text(json.dumps({"annotations": [asked], "data_subtype": "train2014"}))
    (tables.folder / "answers.txt").write_text("red\n")
    train = "tasks.vqa.data.train={vqav2: [q.json, a.json], answers: answers.txt}"
    (first,) = annotations(data_of(tables.recipe, train).source("vqa", "train"))
    assert [each.text for each in first.answers] == ["red"]
    (tables.folder / "answers.txt").write_text("red\ngreen\n")
    (again,) = annotations(data_of(tables.recipe, train).source("vqa", "train"))
    assert [each.text for each in again.answers] == ["red", "green"]


def test_tars_of_img2dataset_are_read_as_they_are(tables, data_of):
    with tarfile.open(tables.folder / "00000.tar", "w") as tar:
        for number in range(2):
            for ending, content in (("txt", b"a square"), ("json", b'{"caption": "a square", "status": "success"}')):
                member = tarfile.TarInfo(f"00000000{number}.{ending}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
            tar.add(tables.folder / "images" / f"{2 * number}.png", f"00000000{number}.png")
    source = data_of(tables.recipe, "tasks.vqa.data.train={image-text-shards: '*.tar'}").source("vqa", "train")
    assert [each.media for each in annotations(source)] == [("000000000.png",), ("000000001.png",)]
    (shard,) = source.opened
    assert shard.read(0, "000000001.png") == (tables.folder / "images" / "2.png").read_bytes()
    way = r"the first problem: \S*00000\.tar#000000000 bad annotation: .*`\{image-text-shards: TAR\}`"
    with pytest.raises(MultigraftError, match=way):
        data_of(tables.recipe, "tasks.vqa.data.train=['*.tar']").source("vqa", "train")
