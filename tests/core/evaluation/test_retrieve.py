"""`retrieve` ranks media for every text and texts for every medium; `recall` counts what is found, both ways."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.evaluation.results import read_predictions
from multigraft.core.evaluation.scoring import Scorer
from multigraft.core.interfaces.evaluator import Said, SaidRow
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.training import session
from multigraft.core.training.evaluate_saved import evaluate_saved
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.need import Need, View
from multigraft.plugins.evaluators.options import RetrieveOptions
from multigraft.plugins.evaluators.retrieve import _AT_ONCE, build

PLUGIN = """
import torch

from multigraft import Component, Loss, Need, Objective, ObjectiveOptions, hookimpl


class ColoursOptions(ObjectiveOptions):
    \"\"\"Knows the colours of the drawings.\"\"\"


class Colours(Objective):
    \"\"\"Trains on the target's first state; its vectors say how much there is of red, green and blue.\"\"\"

    needs = (Need("targets"),)
    embeds = ("text", "media")

    def __init__(self, options):
        pass

    def denominator(self, rows):
        return float(len(rows))

    def loss(self, rows, outputs):
        return Loss(outputs.hidden()[:, 0].square().sum())

    def embeddings(self, rows, outputs):
        named = [[float(colour in each.example.target) for colour in ("red", "green", "blue")] for each in rows.samples]
        ink = [255 - torch.from_numpy(each.media[0].arrays[0].reshape(3, -1)).float().mean(1) for each in rows.samples]
        return {"text": torch.tensor(named), "media": torch.stack([each.max() - each for each in ink])}


@hookimpl
def register_objectives():
    yield Component("colours", f"{__name__}:ColoursOptions", f"{__name__}:Colours")
"""
TASK = (
    "tasks={captions: {kind: image-captioning, objective: colours, evaluator: EVALUATOR, metrics: [recall], "
    "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}}}"
)


@pytest.fixture(scope="module")
def run(recipe_file, tmp_path_factory):
    """Train a task of that objective; what results.json holds, and the folder."""
    plugin = tmp_path_factory.mktemp("plugin") / "colours_plugin.py"
    plugin.write_text(PLUGIN)
    registry = load_registry([plugin])

    def train(evaluator, *overrides):
        folder = tmp_path_factory.mktemp("run")
        recipe = load_recipe(recipe_file, (TASK.replace("EVALUATOR", evaluator), *overrides), registry)
        return session.train(recipe, registry, folder, False), folder

    return train


@pytest.fixture(scope="module")
def retrieved(run):
    results, folder = run("{kind: retrieve, keep: 10}")
    return results["tasks"]["captions"], read_predictions(folder / "predictions" / "captions.jsonl")


def test_every_text_and_every_medium_has_its_ranking(retrieved):
    scores, rows = retrieved
    directions = [row.facts["direction"] for row in rows]
    assert directions == ["text-to-media"] * 10 + ["media-to-text"] * 10
    assert scores["n"] == 20
    assert all(len(row.ranked) == 10 and len(row.relevant) == 1 for row in rows)
    assert {name for name, _ in rows[0].ranked} == {row.id for row in rows[10:]}
    assert {name for name, _ in rows[10].ranked} == {row.id for row in rows[:10]}
    assert all(list(row.ranked) == sorted(row.ranked, key=lambda pair: -pair[1]) for row in rows)


def test_recall_is_that_of_colours_that_are_told_apart(retrieved):
    scores, rows = retrieved
    colour = {row.relevant[0]: row.references[0].split()[1] for row in rows[:10]}
    for row in rows[:10]:
        best = [colour[name] for name, _ in row.ranked]
        own = sum(value == colour[row.relevant[0]] for value in colour.values())
        assert best[:own] == [colour[row.relevant[0]]] * own
    for direction in ("text-to-media", "media-to-text"):
        own = [row for row in rows if row.facts["direction"] == direction]
        for most in (1, 5, 10):
            found = np.mean([row.relevant[0] in [name for name, _ in row.ranked[:most]] for row in own])
            assert scores[f"recall@{most}/{direction}"] == pytest.approx(found)
        assert scores[f"recall@1/{direction}"] < scores[f"recall@5/{direction}"] == 1.0


class Both:
    """Trains vectors of texts and media, and learns from a teacher's texts."""

    embeds, needs = ("text", "media"), (Need("media"), Need("summary", View(values="teacher")))


@pytest.fixture
def task(registry):
    options = {"kind": "image-captioning", "data": ["a.tar"]}
    context = {"registry": registry}
    return registry.build("tasks", registry.options("tasks", options["kind"]).model_validate(options, context=context))


def said_of(name, vector, shown):
    features = {"text": np.array(vector), "media": np.array(vector)}
    return SaidRow(
        Annotation(id=name, task="captions", media=("png",)), Said(features=features), (f"shard#{shown}.png",)
    )


def test_no_teacher_is_read():
    """A graft that was exported has none."""
    assert build(RetrieveOptions(kind="retrieve"), [Both()]).needs == [Need("media")]


def test_more_texts_than_are_compared_at_once_are_all_ranked(task):
    turns = np.linspace(0, np.pi, _AT_ONCE + 3)
    given = [said_of(str(number), [np.cos(turn), np.sin(turn)], number) for number, turn in enumerate(turns)]
    made = list(build(RetrieveOptions(kind="retrieve", keep=1), [Both()]).predictions(task, given))
    assert [row.ranked[0][0] for row in made[: len(given)]] == [row.media[0] for row in given]
    assert [row.ranked[0][0] for row in made[len(given) :]] == [row.annotation.id for row in given]


def test_a_medium_of_several_annotations_counts_once(task):
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
    given = [said_of(name, vectors[shown], shown) for name, shown in (("1", "a"), ("2", "a"), ("3", "b"))]
    made = list(build(RetrieveOptions(kind="retrieve"), [Both()]).predictions(task, given))
    assert [row.facts["candidates"] for row in made] == [2, 2, 2, 3, 3]
    assert [row.id for row in made] == ["1", "2", "3", "shard#a.png", "shard#b.png"]
    assert [row.relevant for row in made[3:]] == [("1", "2"), ("3",)]
    assert made[0].ranked == (("shard#a.png", 1.0), ("shard#b.png", 0.0))
    assert made[3].ranked == (("1", 1.0), ("2", 1.0), ("3", 0.0))


def test_stretches_of_one_video_are_media_of_their_own(registry):
    task = registry.build("tasks", registry.options("tasks", "image-captioning").model_validate(
        {"kind": "image-captioning", "data": ["a.tar"]}, context={"registry": registry}))  # fmt: skip
    given = [
        SaidRow(
            Annotation(id=name, task="captions", media=("mp4",), span=span),
            Said(features={"text": np.array(vector), "media": np.array(vector)}),
            ("shard#a.mp4",),
        )
        for name, span, vector in (("1", (0.0, 2.5), [1.0, 0.0]), ("2", (2.5, 4.0), [0.0, 1.0]))
    ]

    class Both:
        embeds, needs = ("text", "media"), ()

    made = list(build(RetrieveOptions(kind="retrieve"), [Both()]).predictions(task, given))
    assert [row.id for row in made] == ["1", "2", "shard#a.mp4 0-2.5 s", "shard#a.mp4 2.5-4 s"]
    assert [row.relevant for row in made[2:]] == [("1",), ("2",)]
    assert [[name for name, _ in row.ranked] for row in made[2:]] == [["1", "2"], ["2", "1"]]
    assert {row.media for row in made[2:]} == {("shard#a.mp4",)}


def test_scores_can_be_computed_again_and_too_short_a_ranking_is_refused(retrieved, registry):
    scores, rows = retrieved

    def again(at):
        options = registry.options("tasks", "image-captioning").model_validate(
            {"kind": "image-captioning", "data": ["a.tar"], "metrics": [{"kind": "recall", "at": at}]},
            context={"registry": registry},
        )
        return Scorer(options, registry).summary(rows)

    assert again([5])["recall@5/text-to-media"] == scores["recall@5/text-to-media"]
    assert again([20])["recall@20/media-to-text"] == 1.0
    cut = replace(rows[0], ranked=rows[0].ranked[:3])
    rows = [cut]
    with pytest.raises(MultigraftError, match="recall at 5 needs rankings as long, and the evaluator keeps 3"):
        again([1, 5])


def test_without_media_there_is_nothing_to_retrieve(train, tmp_path):
    pairs = TASK.replace("captions:", "pairs:").replace("image-captioning", "image-text-pairs, annotations: captions")
    contrast = pairs.replace("colours", "{kind: contrastive, width: 8}").replace("EVALUATOR", "retrieve")
    results = train(tmp_path, contrast, "eval.controls=[no-media, shuffled-media]")
    left = {"its evaluator holds texts against media": {"n": 10, "annotations": []}}
    assert results["left_out"]["no-media"] == {"pairs": left}
    assert results["controls"]["no-media"] == {}
    assert results["controls"]["shuffled-media"]["pairs"]["n"] == 20


def test_an_objective_without_vectors_is_refused(recipe_file, registry, train, tmp_path):
    with pytest.raises(OptionError, match="none of the task's objectives trains vectors of texts and media"):
        train(tmp_path, "tasks.vqa.evaluator=retrieve")


def test_the_loss_alone(train, tmp_path):
    straight = train(tmp_path / "scored", "eval.every=2")
    results = train(tmp_path / "loss", "tasks.vqa.evaluator=loss", "eval.every=2", "eval.controls=[no-media]")
    assert set(results["tasks"]["vqa"]) == {"n", "loss"}
    assert results["tasks"]["vqa"]["n"] == 10
    assert results["tasks"]["statements"] == straight["tasks"]["statements"]
    assert results["controls"]["no-media"]["vqa"]["loss"] != results["tasks"]["vqa"]["loss"]
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("scored", "loss")]
    assert all('"eval/vqa/loss"' in text for text in lines)
    assert '"eval/vqa/vqa-accuracy"' not in lines[1]


def test_a_loss_with_drawn_negatives_is_the_same_whenever_it_is_scored(train, registry, tmp_path):
    pairs = TASK.replace("captions:", "pairs:").replace("image-captioning", "image-text-pairs, annotations: captions")
    results = train(tmp_path, pairs.replace("colours", "{kind: matching}").replace("EVALUATOR", "loss"))
    again = [evaluate_saved(tmp_path, registry, None, [])["tasks"] for _ in range(2)]
    assert again == [results["tasks"]] * 2


def test_the_likeliest_of_many_answers(tiny, tiny_model, samples, batch_of, tmp_path):
    answers = [f"{colour} {form}" for colour in ("red", "green", "blue") for form in ("box", "ball", "cone")]
    (tmp_path / "answers.txt").write_text("\n".join([*answers, "", ""]))
    ranks = {"kind": "rank", "answers": f"path:{tmp_path / 'answers.txt'}", "others": 2}
    model = tiny_model(tasks={"vqa": {**tiny.TASKS["vqa"], "evaluator": ranks}})
    own = [each for each in samples if each.task == "vqa"]
    scores = model.run(batch_of(model, own), False)["vqa"].score([answers] * len(own))
    for said, row in zip(model.answers(batch_of(model, own)), scores, strict=True):
        best = torch.sort(row, descending=True, stable=True)
        assert [said.text, *(each.text for each in said.others)] == [answers[number] for number in best.indices[:3]]
        assert [said.score, *(each.score for each in said.others)] == pytest.approx(best.values[:3].tolist())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (["red", "blue", "red"], "answer 'red' is given twice"),
        (["red"], "1 answers are nothing to rank"),
        ("path:nowhere.txt", "nowhere.txt cannot be read: No such file"),
    ],
)
def test_answers_that_cannot_be_ranked(answers, message, tiny, tiny_model):
    with pytest.raises(OptionError, match=message):
        tiny_model(tasks={"vqa": {**tiny.TASKS["vqa"], "evaluator": {"kind": "rank", "answers": answers}}})
