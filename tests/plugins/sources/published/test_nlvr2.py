"""NLVR2 from lines of its published form, and what task and metrics make of its ids."""

import json

from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.plugins.metrics.consistency import Consistency
from multigraft.tasks.two_image_statements.task import TwoImageStatements

LINE = {
    "validation": {"4": "True"}, "sentence": "There are no more than two birds.", "label": "True",
    "left_url": "https://example.org/l.jpg", "right_url": "https://example.org/r.jpg", "writer": "140",
    "synset": "bird", "query": "birds38", "identifier": "dev-850-0-0", "extra_validations": {"9": "True"},
}  # fmt: skip


def made(source, write, *lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return list(source(write("dev.json", text), kind="nlvr2").annotations())


def test_a_line_is_a_statement_about_the_two_pictures_of_its_pair(source, write):
    second = {**LINE, "identifier": "dev-850-3-1", "label": "False"}
    first, other = made(source, write, LINE, second)
    assert first == Annotation(
        id="nlvr2#dev-850-0-0",
        task="vqa",
        source="nlvr2",
        text="There are no more than two birds.",
        answers=(ScoredAnswer(text="true"),),
        media=("dev-850-0-img0.png", "dev-850-0-img1.png"),
    )
    assert (other.answers[0].text, other.media[1]) == ("false", "dev-850-3-img1.png")


def test_pictures_of_training_lie_in_their_directory_and_hidden_labels_are_no_answers(source, write):
    train, hidden = made(
        source,
        write,
        {**LINE, "identifier": "train-10171-0-0", "directory": 39},
        {**LINE, "identifier": "test2-1-0-0", "label": None},
    )
    assert train.media == ("39/train-10171-0-img0.png", "39/train-10171-0-img1.png")
    assert hidden.answers == ()


def test_bad_lines_are_dropped(source, write):
    bad = [{**LINE, "label": "maybe"}, {**LINE, "identifier": "dev-850-0"}, {"identifier": "dev-1-0-0"}, []]
    assert made(source, write, LINE, *bad)[1:] == [
        Dropped("dev#1", "bad row", "its label is 'maybe', neither 'True' nor 'False'"),
        Dropped("dev#2", "bad row", "its identifier 'dev-850-0' is no SPLIT-SET-PAIR-SENTENCE"),
        Dropped("dev#3", "bad row", "it has no 'sentence'"),
        Dropped("dev#4", "bad row", "list, no object"),
    ]


def test_its_ids_say_which_rows_are_one_sentence_of_one_set(source, write):
    task, metric = TwoImageStatements(), Consistency()
    names = ("dev-850-0-0", "dev-850-1-0", "dev-850-0-1", "dev-851-0-0")
    for one, output in zip(
        made(source, write, *({**LINE, "identifier": name} for name in names)),
        ("true", "true", "false", "true"),
        strict=True,
    ):
        assert task.example(one, None).target == "true"
        metric.update(task.prediction(one, output))
    assert metric.compute() == {"consistency": 2 / 3}
