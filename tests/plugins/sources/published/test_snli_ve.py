"""SNLI-VE from lines, from TSV with a head, and from OFA's TSV."""

import json

import pytest

from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer

LINE = {
    "annotator_labels": ["neutral"], "captionID": "4705552913.jpg#2", "gold_label": "neutral",
    "pairID": "4705552913.jpg#2r1n", "sentence1": "Two women are embracing.", "sentence2": "The sisters are hugging.",
    "Flickr30K_ID": "4705552913",
}  # fmt: skip
MADE = Annotation(
    id="snli-ve#4705552913.jpg#2r1n",
    task="vqa",
    source="snli-ve",
    text="The sisters are hugging.",
    answers=(ScoredAnswer(text="neutral"),),
    media=("4705552913.jpg",),
)


@pytest.mark.parametrize("form", ["jsonl", "tsv", "ofa"])
def test_the_hypothesis_is_asked_of_the_picture_in_every_form(source, write, form):
    head = ["gold_label", "sentence2", "Flickr30K_ID", "pairID"]
    cells = [LINE["pairID"], LINE["Flickr30K_ID"], "/9j/" + "A" * 200_000, LINE["sentence2"], '"Two', "neutral"]
    text = {
        "jsonl": json.dumps(LINE) + "\n",
        "tsv": "\t".join(head) + "\n" + "\t".join(LINE[key] for key in head) + "\n",
        "ofa": "\t".join(cells) + "\n",
    }[form]
    path = write(f"snli_ve_dev.{'tsv' if form == 'ofa' else form}", text)
    assert list(source(path, kind="snli-ve").annotations()) == [MADE]


def test_rows_without_a_label_that_annotators_share_are_dropped_and_named(source, write):
    lines = [{**LINE, "gold_label": "-"}, {**LINE, "gold_label": "yes"}, {**LINE, "Flickr30K_ID": None}, LINE]
    path = write("dev.jsonl", "".join(json.dumps(line) + "\n" for line in lines) + "{\n")
    unlabelled, other, pictureless, good, broken = source(path, kind="snli-ve").annotations()
    assert unlabelled == Dropped("dev#0", "no label", "its annotators did not agree")
    assert other == Dropped("dev#1", "bad row", "its label is 'yes', none of entailment, neutral, contradiction")
    assert pictureless == Dropped("dev#2", "bad row", "it has no 'Flickr30K_ID'")
    assert good == MADE
    assert (broken.row, broken.reason) == ("dev#4", "bad row")


def test_a_row_of_ofa_with_other_columns_is_dropped(source, write):
    path = write("train.tsv", "1\t2\tneutral\n")
    assert list(source(path, kind="snli-ve").annotations()) == [
        Dropped("train#0", "bad row", "3 cells, where OFA's form has 6")
    ]
