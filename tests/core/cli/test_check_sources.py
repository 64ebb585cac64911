"""`multigraft check` on recipes that name tables and media."""

import json
import tarfile

import pytest

RECIPE = """\
trunk:
  encoder: {kind: timm, model: test_efficientnet, weights: random, size: 64}
  backbone: sapling
  prompt: {kind: linear, tokens: 4}
tasks:
  vqa:
    kind: visual-question-answering
    data:
      train: {table: train.jsonl, media: images, map: {question: text, answer: answers, image: media}}
eval: {split: none}
"""


@pytest.fixture
def recipe(tmp_path):
    """A recipe for a table of 200 rows, each about a picture of its own."""
    (tmp_path / "images").mkdir()
    rows = [{"question": f"{number}?", "answer": "red", "image": f"{number}.png"} for number in range(200)]
    for row in rows:
        (tmp_path / "images" / row["image"]).write_bytes(b"picture")
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def test_nothing_is_wrong_and_nothing_is_written(run, recipe):
    before = sorted(recipe.parent.rglob("*"))
    outcome = run("check", "r.yaml")
    assert outcome.exit_code == 0, outcome.stderr
    assert "of 200" in outcome.stderr, "what steps draw"
    assert sorted(recipe.parent.rglob("*")) == before


def test_answers_that_no_column_gives(run, recipe):
    recipe.write_text(RECIPE.replace("answer: answers, ", ""))
    outcome = run("check", "r.yaml")
    assert outcome.exit_code == 2
    assert "vqa.data.train: 200 of 200 annotations looked at cannot be used: missing field: answers" in outcome.stderr


@pytest.fixture
def splits(run, recipe):
    """Check the recipe with a further split of which so many rows of four lack their answer."""

    def check(split, lacking):
        rows = [{"question": "?", "image": "1.png", "answer": None if n < lacking else "red"} for n in range(4)]
        (recipe.parent / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        columns = "{question: text, answer: answers, image: media}"
        final = "test" if split == "test" else "train"
        more = f"      {split}: {{table: more.jsonl, media: images, map: {columns}}}\n"
        scored = f"eval: {{split: validation, final_split: {final}}}"
        recipe.write_text(RECIPE.replace("eval: {split: none}", more + scored))
        if split != "validation":
            train = RECIPE.split("train: ")[1].split("\n")[0]
            more_still = f"{more}      validation: {train}\n"
            recipe.write_text(recipe.read_text().replace(more, more_still))
        return run("check", "r.yaml")

    return check


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_that_is_scored_and_has_no_usable_example_is_refused(splits, split):
    outcome = splits(split, lacking=4)
    assert outcome.exit_code == 2
    assert f"vqa.data.{split}: 4 of 4 annotations looked at cannot be used: missing field: answers" in outcome.stderr


@pytest.mark.parametrize(("split", "lacking"), [("validation", 3), ("spare", 4)])
def test_a_split_with_some_or_that_nothing_reads_is_told(splits, split, lacking):
    outcome = splits(split, lacking)
    assert outcome.exit_code == 0, outcome.stderr
    note = f"{lacking} of 4 annotations looked at cannot be used: missing field: answers"
    assert f"note: task 'vqa', split '{split}': {note}" in outcome.stderr


def test_a_split_without_faults_is_told_nothing_of(splits):
    assert "cannot be used" not in splits("validation", lacking=0).stderr


def test_files_and_folders_that_are_not_there(run, recipe):
    recipe.write_text(RECIPE.replace("train.jsonl", "trian.jsonl").replace("media: images", "media: [image, '*.tar']"))
    outcome = run("check", "--shape", "r.yaml")
    assert outcome.exit_code == 2
    assert (
        outcome.stderr
        == """\
r.yaml:9:22: tasks.vqa.data.train.table: trian.jsonl is not there (did you mean 'train.jsonl'?)
          train: {table: trian.jsonl, media: [image, '*.tar'], map: {question: text, answer: answers, image: media}}
                         ^ relative paths start at data.root, which is '.'
r.yaml:9:43: tasks.vqa.data.train.media.0: image is not there (did you mean 'images'?)
          train: {table: trian.jsonl, media: [image, '*.tar'], map: {question: text, answer: answers, image: media}}
                                              ^ relative paths start at data.root, which is '.'
r.yaml:9:50: tasks.vqa.data.train.media.1: no file *.tar
          train: {table: trian.jsonl, media: [image, '*.tar'], map: {question: text, answer: answers, image: media}}
                                                     ^ relative paths start at data.root, which is '.'
"""
    )


def test_a_table_among_patterns_of_shards(run, recipe):
    outcome = run("check", "--shape", "r.yaml", "--set", "tasks.vqa.data.train=[train.jsonl]")
    assert outcome.exit_code == 2
    assert "tasks.vqa.data.train.0: train.jsonl is no tar; a table is written {table: train.jsonl}, " in outcome.stderr


def test_a_pattern_of_tables_among_patterns_of_shards_is_told_as_yaml_takes_it(run, recipe):
    outcome = run("check", "--shape", "r.yaml", "--set", "tasks.vqa.data.train=['*.jsonl']")
    assert 'train.jsonl is no tar; a table is written {table: "*.jsonl"}, ' in outcome.stderr


def test_a_tar_may_be_called_otherwise(run, recipe, tmp_path):
    with tarfile.open(tmp_path / "shard", "w") as tar:
        tar.add(tmp_path / "images" / "0.png", "0.png")
    outcome = run("check", "--shape", "r.yaml", "--set", "tasks.vqa.data.train=[shard]")
    assert outcome.exit_code == 0, outcome.stderr


def test_an_empty_list_of_data(run, recipe):
    outcome = run("check", "r.yaml", "--set", "tasks.vqa.data.train=[]")
    assert outcome.exit_code == 2
    assert "task 'vqa', split 'train': the list is empty; name shards, or a source" in outcome.stderr


def test_a_column_that_is_not_there(run, recipe):
    recipe.write_text(RECIPE.replace("image: media", "imag: media"))
    outcome = run("check", "r.yaml")
    assert outcome.exit_code == 2
    message = "tasks.vqa.data.train.map.imag: there is no column 'imag'"
    assert f"r.yaml:9:95: {message}\n" in outcome.stderr
    assert "^ did you mean 'image'? known: answer, image, question" in outcome.stderr


def test_bad_rows_within_the_limit_are_noted_and_more_are_a_problem(run, recipe):
    with (recipe.parent / "train.jsonl").open("a") as file:
        file.write("{broken\n[1]\n")
    outcome = run("check", "r.yaml")
    assert outcome.exit_code == 0, outcome.stderr
    assert "note: rows that cannot be used: 2 x bad row; the first: train.jsonl#200 " in outcome.stderr
    outcome = run("check", "r.yaml", "--set", "data.bad_limit=0.001")
    assert outcome.exit_code == 2
    message = "tasks.vqa.data.train.0: 2 of 202 rows of train.jsonl cannot be used, more than the share"
    assert f"r.yaml:9:14: {message}".replace(".0:", ":") in outcome.stderr


def test_media_that_are_not_there(run, recipe):
    (recipe.parent / "images" / "7.png").unlink()
    outcome = run("check", "r.yaml")
    assert outcome.exit_code == 0
    assert (
        "note: task 'vqa', split 'train': media of 1 of 200 annotations looked at cannot be read, such as 7.png"
    ) in outcome.stderr
    assert "a run stops where more" not in outcome.stderr
    outcome = run("check", "r.yaml", "--set", "data.bad_limit=0.004")
    assert outcome.exit_code == 0
    assert "such as 7.png; a run stops where more than `data.bad_limit: 0.004` are bad" in outcome.stderr
    outcome = run("check", "r.yaml", "--set", "tasks.vqa.data.train.media=[.]")
    assert outcome.exit_code == 2
    assert "media of 200 of 200 annotations looked at cannot be read, such as 0.png" in outcome.stderr
    assert "say by `media` where they lie" in outcome.stderr


def test_features_of_a_source_are_not_stored(run, recipe):
    outcome = run("check", "--shape", "r.yaml", "--set", "data.features=true")
    assert outcome.exit_code == 2
    assert (
        outcome.stderr
        == """\
command line: data.features: features are stored of packed media alone, and tasks.vqa.data.train has a source
    --set data.features=true
                        ^ pack it first: multigraft data pack train.jsonl packed --task visual-question-answering \
--media images --map question=text,answer=answers,image=media
"""
    )
