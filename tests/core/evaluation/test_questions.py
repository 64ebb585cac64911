"""What a task takes is found by asking it, a third party's too."""

from pathlib import Path

import pytest

from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.evaluation.questions import Question, ask, what_it_takes
from multigraft.core.interfaces.task import Task
from multigraft.core.registry.inputs import build_input
from multigraft.core.run.artifact import Artifact
from multigraft.core.types.sample import TextPair


class Ranking(Task):
    """Three or more choices about one picture, and no question."""

    def example(self, annotation, draw):
        if len(annotation.choices) < 3 or len(annotation.media) != 1:
            raise BadSample("missing field", "choices")
        return TextPair(" or ".join(annotation.choices), "")


def build(registry, kind, **options):
    model = registry.options("tasks", kind)
    return registry.build("tasks", model(kind=kind, data={"train": ["a.tar"]}, **options))


@pytest.mark.parametrize(
    ("kind", "kinds", "words"),
    [
        ("visual-question-answering", ["image"], "`--text` and `--image`"),
        ("image-captioning", ["image"], "`--image`"),
        ("video-captioning", ["video"], "`--video`"),
        ("two-image-statements", ["image"], "`--text` and `--image` twice"),
        ("open-video-question-answering", ["image", "video"], "`--text` and `--image` or `--video`"),
        (
            "multiple-choice-video-question-answering",
            ["video"],
            "`--text` and `--choice` twice or more and `--video`",
        ),
        ("text-denoising", [], "`--text`"),
    ],
)
def test_built_in_tasks(registry, kind, kinds, words):
    assert what_it_takes("any", build(registry, kind), kinds) == words


def test_another_task():
    assert what_it_takes("any", Ranking(), ["image"]) == "`--choice` 3 times or more and `--image` once"


@pytest.fixture
def saved(tiny_recipe):
    return Artifact(Path("run"), Path("run/graft"), tiny_recipe(), ("denoise",))


def test_a_task_of_text_alone_looks_at_nothing(registry, saved):
    inputs = [build_input(registry, each) for each in saved.recipe.inputs]
    task = build(registry, "text-denoising")
    with pytest.raises(
        MultigraftError, match=r"'denoise' reads text alone and would ignore a\.png; it takes `--text`$"
    ):
        ask(Question("denoise", "some words", (Path("a.png"),)), task, saved, inputs)
    assert ask(Question("denoise", "some words"), task, saved, inputs).example.text == "some words"


def test_where_nothing_is_known_of_the_training_any_kind_is_taken(registry, saved):
    inputs = [build_input(registry, each) for each in saved.recipe.inputs]
    task = build(registry, "open-video-question-answering")
    for name in ("a.png", "a.MP4"):
        assert ask(Question("videos", "what?", (Path(name),)), task, saved, inputs).example.text == "what?"
