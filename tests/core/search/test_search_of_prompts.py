"""Prompt generators beside each other in a search: they take different numbers of images, and see the same samples."""

import json

import pytest

from multigraft import Annotation, Record, ScoredAnswer, ShardWriter, load_recipe
from multigraft.core import library
from multigraft.core.check.recipe_check import check_deep, check_search, check_shape

PROMPTS = "[{kind: pool, tokens: 4}, {kind: linear, tokens: 4, images: 1}, {kind: linear, tokens: 1, images: 2}]"
TWICE = 4
"""Every fourth question is about two pictures."""


@pytest.fixture(scope="module")
def overrides(picture_file, tmp_path_factory):
    """What makes the tiny recipe one of questions about one picture or two, with a search among prompts."""
    folder = tmp_path_factory.mktemp("asked")
    for split in ("train", "validation", "search"):
        with ShardWriter(folder, split, 16) as writer:
            for number in range(16):
                key = f"{split}{number}"
                media = ("0.png", "1.png") if number % TWICE == 0 else ("0.png",)
                asked = Annotation(id=key, task="vqa", text="what?", answers=(ScoredAnswer(text="red"),), media=media)
                pictures = {"0.png": picture_file(), "1.png": picture_file()}
                writer.write(key, Record(id=key, source="asked", annotations=(asked,)), pictures)
    data = {split: [f"{split}-*.tar"] for split in ("train", "validation", "search")}
    task = {"kind": "visual-question-answering", "data": data}
    return [
        f"data.root={folder}",
        "data.bad_limit=0.5",
        f"tasks={json.dumps({'vqa': task})}",
        "graft.sharing=single",
        f"search.choices={{prompt: {{keys: trunk.prompt, values: {PROMPTS}}}}}",
        "search.reward=loss",
        "search.strategy=round-robin",
        "train.steps=60",
    ]


def test_samples_that_some_have_no_room_for_are_skipped_for_all(overrides, recipe_file, tmp_path):
    report = library.search(load_recipe(recipe_file, overrides), tmp_path / "run")
    drawn = json.loads((tmp_path / "run" / "search.json").read_text())
    assert drawn["skipped"]["problems"]["too many images"] > 0
    assert report["choices"]["prompt"]["trained"] == pytest.approx([report["steps"] / 3] * 3, abs=1)
    assert all(count > 0 for count in report["choices"]["prompt"]["scored"])


def test_the_check_tells_of_them(overrides, recipe_file, registry):
    subject = check_search(check_deep(check_shape(recipe_file, overrides, registry)))
    assert [note for note in subject.notes if "the search skips" in note] == [
        "the search skips samples of task 'vqa' with more than 1 visual media but videos, which some of its prompts "
        "have no room for"
    ]
