"""The sapling's text tells nothing about held-out concepts, its tokenizer loses nothing."""

import json
import random
import re

import pytest
from transformers import PreTrainedTokenizerFast

from multigraft.core.evaluation.results import final_results
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.run_setup import open_run
from multigraft.plugins.quickstart.drawings import GROUPS
from multigraft.plugins.quickstart.held_out import held_out_names, held_out_words, tells
from multigraft.plugins.quickstart.prefixes import PREFIXES
from multigraft.plugins.quickstart.sapling_data import make_sapling
from multigraft.plugins.quickstart.sapling_reading import Reading, general_reading
from multigraft.plugins.quickstart.sapling_text import sapling_texts, training_texts
from multigraft.plugins.quickstart.word_list import general_words, read_words, sentence


@pytest.fixture(scope="module")
def rows():
    return sapling_texts(30_000, 0)


@pytest.fixture(scope="module")
def texts(rows):
    return [row if isinstance(row, str) else f"{row.text} {row.answer}" for row in rows]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sapling")
    make_sapling(folder, 3000, 0)
    return folder


FORMS = {
    "one scene": ("shapes", "drawings", "words"),
    "two scenes": ("shape-pairs", "drawing-pairs", "word-pairs"),
    "sequences": ("episodes",),
    "captions": ("captions",),
}
"""Form of readings -> the tasks of configs/sapling.yaml."""


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Task of configs/sapling.yaml -> whether each held-out text is answered exactly, without those to recall."""
    root = tmp_path_factory.mktemp("held-out")
    make_sapling(root, 60_000, 0)
    overrides, registry = ["trunk.backbone.weights=package", f"data.root={root}"], load_registry()
    (root / "run").mkdir()
    with open_run(load_recipe("sapling", overrides, registry), registry, root / "run") as run:
        final_results(run, "validation", [])
    return {task: list(exact(root / "run/predictions" / f"{task}.jsonl")) for form in FORMS.values() for task in form}


def exact(path):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row["output"] == row["answers"][0]["text"] for row in rows if row["type"] != "recall"]


@pytest.mark.parametrize(
    ("form", "least"), [("one scene", 0.97), ("two scenes", 0.95), ("sequences", 0.95), ("captions", 0.95)]
)
def test_the_shipped_weights_read_each_form_of_held_out_texts(answered, form, least):
    every = [right for task in FORMS[form] for right in answered[task]]
    assert len(every) > 50
    assert sum(every) / len(every) >= least


def test_no_held_out_concept_stands_beside_the_word_of_a_group(texts):
    names = [f" {name} " for name in held_out_names(0)]
    with_group = [f" {text} ".replace("?", " ?") for text in texts if set(text.split()) & set(GROUPS.values())]

    assert with_group
    assert not [text for text in with_group if any(name in text for name in names)]


def test_words_of_held_out_concepts_are_in_no_general_sentence():
    words, draw = general_words(held_out_words(0)), random.Random(1)
    used = {word for kind in words.values() for word in kind}

    assert not used & held_out_words(0)
    assert len(used) > 5000
    assert len({sentence(words, draw) for _ in range(100)}) > 95


def test_names_of_held_out_concepts_are_never_said_in_drawing_texts():
    drawings = [text for (source, _), found in training_texts(0).items() if source == "openmoji" for text in found]
    said = {text.removeprefix("gqa: what is this? ") for text in drawings if "what is this? " in text}

    assert len(said) > 500
    assert not said & held_out_names(0)


def test_telling_texts_are_recognised_in_singular_and_plural():
    name = sorted(name for name in held_out_names(0) if name.isalpha() and not name.endswith("s"))[0]

    assert tells(f"a {name} is an animal", 0)
    assert tells(f"animals such as {name}s", 0)
    assert not tells(f"a {name}", 0)


def test_every_task_has_its_texts(texts):
    prefixes = {text.split(":")[0] for text in texts if ": " in text}

    assert {"vqa", "gqa", "nlvr", "caption", "video-mc", "video-qa", "video-caption"} <= prefixes
    assert len(texts) == 30_000


def test_the_tokenizer_loads_in_transformers_and_gives_texts_back(folder):
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        **{"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"},
    )
    special = tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])

    assert special == [0, 1, 2, 3, 4]
    assert len(tokenizer) <= 4000
    for text in ("vqa: what color is the shape? red", "zebra ☃ 42"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert tokenizer("a <mask> shape")["input_ids"].count(4) == 1


def test_shards_hold_texts_without_media_and_are_the_same_every_time(folder, samples, tmp_path):
    make_sapling(tmp_path, 3000, 0)
    for name in ("sapling/train-000000.tar", "tokenizer.json", "manifest.json"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()

    read = samples(folder / "sapling/train-000000.tar") + samples(folder / "sapling/validation-000000.tar")
    rows = [row for record, media in read for row in record.annotations if not media]
    assert len(rows) == 3000
    assert {row.task for row in rows} == {"text-denoising", "one-scene", "two-scenes", "sequence", "caption"}
    assert {record.source for record, _ in read} == {"sapling", "easy-vqa", "openmoji", "babyai", "general"}
    assert all(bool(row.answers) == (row.task != "text-denoising") for row in rows)


def test_held_out_texts_are_in_no_training_shard(folder, samples):
    train, held_out = (
        {row.text for record, _ in samples(folder / f"sapling/{split}-000000.tar") for row in record.annotations}
        for split in ("train", "validation")
    )
    assert len(held_out) > 20
    assert not train & held_out


def scenes_of(row):
    return [scene.strip() for scene in re.split("(?:first |second )?picture: ", row.text)[1:]]


def told_by_group(row, adjectives):
    """For each scene of a reading, whether it is a group with an adjective."""
    words = [scene.split() for scene in scenes_of(row)]
    return {len(each) == 2 and each[0] in adjectives and each[1] in GROUPS.values() for each in words}


def test_drawings_are_told_by_name_or_by_group_and_never_by_both(rows):
    adjectives = read_words(general_words(held_out_words(0)))["adjective"]
    drawings = [row for row in rows if isinstance(row, Reading) and row.source == "openmoji"]
    assert all(len(told_by_group(row, adjectives)) == 1 for row in drawings)
    by_group = [row for row in drawings if told_by_group(row, adjectives) == {True}]
    others = {scene for row in drawings if row not in by_group for scene in scenes_of(row)}

    assert {scene.split()[1] for row in by_group for scene in scenes_of(row)} == set(GROUPS.values())
    assert len({scene.split()[0] for row in by_group for scene in scenes_of(row)}) > 70
    assert len(others) > 300
    assert {row.type for row in by_group} == {"compositional-question-answering", "two-image-statements"}


def test_the_group_of_a_drawing_told_by_name_alone_is_recalled(rows):
    adjectives = read_words(general_words(held_out_words(0)))["adjective"]
    recalled = [row for row in rows if isinstance(row, Reading) and row.type == "recall"]
    assert len(recalled) > 500
    assert {row.source for row in recalled} == {"openmoji"}
    asked = {row.text.partition(": ")[2].partition("?")[0] for row in recalled}
    assert "which group" in asked
    assert "what is this" not in asked
    assert all(told_by_group(row, adjectives) == {False} for row in recalled)


def test_readings_are_answered_by_their_scene(rows):
    readings = [row for row in rows if isinstance(row, Reading)]
    assert len(readings) > 10_000
    named = [row for row in readings if "what is in the image? picture:" in row.text]
    assert named
    assert all(row.text.split()[-1] == row.answer for row in named)
    first = [row for row in readings if "reach first?" in row.text and "choices" not in row.text]
    assert all(row.text.split(" video: ")[1].split(", ")[0] == row.answer for row in first)


@pytest.mark.parametrize("form", ["does the image contain a ", "the first picture shows a ", "both pictures show"])
def test_readings_are_about_as_often_true_as_false(rows, form):
    answers = [row.answer in ("yes", "true") for row in rows if isinstance(row, Reading) and form in row.text]
    assert 0.3 < sum(answers) / len(answers) < 0.7


def test_general_statements_of_every_form_are_as_often_true_as_false():
    words, draw, answers = read_words(general_words()), random.Random(0), {}
    for reading in (general_reading(words, draw) for _ in range(20_000)):
        if reading.form == "two-scenes":
            form = " ".join(reading.text.split()[1:5])
            answers.setdefault(form, []).append(reading.answer == "true")
    assert len(answers) == 7
    assert all(0.45 < sum(each) / len(each) < 0.55 for each in answers.values())


def test_general_readings_are_made_of_few_words(rows):
    """So that each is met often; texts to restore are made of all."""
    general = [row for row in rows if isinstance(row, Reading) and row.source == "general"]
    scenes = {scene for row in general if row.form != "sequence" for scene in scenes_of(row)}
    words = read_words(general_words(held_out_words(0)))
    assert len(words["adjective"]) + len(words["noun"]) == 320
    assert {scene.split()[0] for scene in scenes} == set(words["adjective"])
    assert {scene.split()[1] for scene in scenes} == set(words["noun"])


def test_prefixes_are_those_of_the_tasks():
    registry = load_registry()
    for kind, prefix in PREFIXES.items():
        assert registry.options("tasks", kind).model_fields["prefix"].default == prefix
