"""One graft over tasks of text alone and a task of pictures, in the same batches, from shards to predictions."""

import json
import shutil

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

MOODS = {"good": "what a fine day", "bad": "nothing works"}


def text_record(number):
    mood = list(MOODS)[number % 2]
    label = Annotation(
        id=f"{number}/mood", task="moods", text=f"{MOODS[mood]} {number}", answers=(ScoredAnswer(text=mood),)
    )
    story = Annotation(
        id=f"{number}/story", task="stories", text=f"say {number}", references=(f"{number}", f"the {number}")
    )
    return Record(id=str(number), source="texts", annotations=(label, story))


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Shards that hold no media at all."""
    folder = tmp_path_factory.mktemp("texts")
    for split, count in (("train", 12), ("validation", 6)):
        with ShardWriter(folder, split, 6) as writer:
            for number in range(count):
                writer.write(f"text{number}", text_record(number), {})
    return folder


@pytest.fixture(scope="module")
def overrides(texts):
    """The recipe of tests/core/conftest.py with three tasks, two of them of text."""
    data = f'{{train: ["{texts}/train-*.tar"], validation: ["{texts}/validation-*.tar"]}}'
    pictures = "{train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
    tasks = (
        f"vqa: {{kind: visual-question-answering, data: {pictures}, evaluator: {{kind: generate, max_tokens: 4}}}}",
        f"moods: {{kind: text-classification, data: {data}, objective: {{kind: classification, labels: [good, bad]}}}}",
        f"stories: {{kind: text-generation, data: {data}, evaluator: {{kind: generate, max_tokens: 4}}}}",
    )
    return (f"tasks={{{', '.join(tasks)}}}", "graft.sharing=half-shared", "train.batch=6", "train.steps=3")


@pytest.fixture(scope="module")
def trained_folder(train, overrides, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both") / "run"
    train(folder, *overrides)
    return folder


def test_each_step_learns_from_texts_and_from_pictures(trained_folder):
    lines = [json.loads(line) for line in (trained_folder / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "train/vqa/loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3]
    assert all({"train/moods/loss", "train/stories/loss"} <= line.keys() for line in steps)


def test_texts_are_scored_by_their_labels_and_by_what_is_written(trained_folder):
    results = json.loads((trained_folder / "results.json").read_text())
    assert {task: report["n"] for task, report in results["tasks"].items()} == {"vqa": 10, "moods": 6, "stories": 6}
    assert set(results["tasks"]["stories"]) >= {"rouge-l", "exact-match"}
    rows = [json.loads(line) for line in (trained_folder / "predictions" / "moods.jsonl").read_text().splitlines()]
    assert {row["output"] for row in rows} <= set(MOODS)


def test_the_graft_answers_texts_and_takes_no_pictures_with_them(command, trained_folder, picture_file, tmp_path):
    outcome = command("predict", trained_folder, "--task", "moods", "--text", "what a fine day")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split()[0] in MOODS
    picture = tmp_path / "a.png"
    picture.write_bytes(picture_file())
    outcome = command("predict", trained_folder, "--task", "moods", "--text", "so so", "--image", picture)
    assert f"task 'moods' reads text alone and would ignore {picture}" in outcome.stderr


def test_the_trunk_alone_is_scored_where_its_words_answer(command, trained_folder, tmp_path):
    shutil.copytree(trained_folder, tmp_path / "run")
    outcome = command("eval", tmp_path / "run", "--control", "no-graft", "--json")
    assert outcome.returncode == 0, outcome.stderr
    results = json.loads(outcome.stdout)
    assert set(results["controls"]["no-graft"]) == {"vqa", "stories"}
    assert results["left_out"]["no-graft"] == {"moods": {"its head is in the graft": {"n": 6, "annotations": []}}}
    assert "no-graft leaves out task 'moods': its head is in the graft" in outcome.stderr
    assert results["tasks"] == json.loads((trained_folder / "results.json").read_text())["tasks"]


MOOD_OF_PICTURES = (
    "tasks.moods={kind: text-classification, annotations: statements, "
    "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}, "
    "objective: {kind: classification, labels: ['true', 'false']}}"
)


def test_media_that_annotations_of_a_text_name_are_not_read(recipe_file, registry, tmp_path, command):
    with open_run(load_recipe(recipe_file, (MOOD_OF_PICTURES,), registry), registry, tmp_path) as run:
        drawn = [each for some in run.data.stream(run.rank).batches(0, 3) for each in some]
    media = {task: {len(each.media) for each in drawn if each.task == task} for task in ("statements", "moods")}
    assert media == {"statements": {2}, "moods": {0}}
    outcome = command("check", recipe_file, "--set", MOOD_OF_PICTURES, "--json")
    told = "task 'moods' reads text alone: the media of 12 of 12 annotations looked at are not read"
    assert told in json.loads(outcome.stdout)["notes"]


def test_their_features_are_not_stored_either(train, shards, tmp_path, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    for shard in shards.glob("pictures-*.tar"):
        (folder / shard.name).write_bytes(shard.read_bytes())
    only = MOOD_OF_PICTURES.replace("tasks.moods=", "tasks={moods: ") + (
        ", vqa: {kind: visual-question-answering, "
        "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}}}"
    )
    results = train(tmp_path / "run", only, f"data.root={folder}", "data.features=true", "train.steps=1")
    assert results["tasks"]["moods"]["n"] == 10
    assert "encoding media: 22/22" in capsys.readouterr().err
