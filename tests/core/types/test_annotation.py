"""Whatever stands in a `KEY.json`, it is an annotation or a bad one."""

import json

import pytest

from multigraft.core.data.records import MOST_VALUES, parse_json
from multigraft.core.errors import BadSample
from multigraft.core.types.annotation import Annotation, parse_annotation, parse_head


def read(annotation, **head):
    rows = [{"id": "1", "task": "t", **annotation}]
    record = parse_json(json.dumps({"id": "k", "annotations": rows, **head}).encode())
    return parse_annotation(parse_head(record), record["annotations"][0], 0)


def test_an_annotation_has_a_context_and_media_whose_case_stays():
    annotation = read({"context": "- Hello!", "media": ["0.PNG", "jpg"], "span": [1, 2.5], "weight": 2}, source="s")
    assert annotation == Annotation(
        id="1", task="t", context="- Hello!", media=("0.PNG", "jpg"), span=(1.0, 2.5), weight=2.0, source="s"
    )


@pytest.mark.parametrize("field", ["id", "task", "type", "text", "context", "source"])
def test_half_of_a_surrogate_pair_is_no_text(field):
    with pytest.raises(BadSample, match=rf"bad annotation: annotations.0.{field}: half of a surrogate pair"):
        read({field: "what \ud83d color?"})
    assert getattr(read({field: "what \U0001f3a8 color?"}), field) == "what \U0001f3a8 color?"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"choices": ["a", "\udc00"]}, "annotations.0.choices.1"),
        ({"references": ["\udc00"]}, "annotations.0.references.0"),
        ({"media": ["\udc00.png"]}, "annotations.0.media.0"),
        ({"answers": [{"text": "\udc00"}]}, "annotations.0.answers.0.text"),
        ({"answers": [{"text": "a", "score": float("nan")}]}, "annotations.0.answers.0.score"),
        ({"\udc00": 1}, "annotations.0"),
        ({"task": ""}, "annotations.0.task: .* at least 1"),
        ({"what": 1}, "annotations.0.what: Extra inputs are not permitted"),
        ({"weight": float("inf")}, "annotations.0.weight"),
        ({"weight": float("nan")}, "annotations.0.weight"),
        ({"weight": 1e300}, "annotations.0.weight: Input should be less than or equal to 1000000"),
        ({"weight": 10**400}, "annotations.0.weight"),
        ({"weight": True}, "annotations.0.weight"),
        ({"span": [float("nan"), 1]}, "annotations.0.span.0"),
        ({"span": [0, float("inf")]}, "annotations.0.span.1"),
        ({"span": [0, 10**400]}, "annotations.0.span.1"),
        ({"span": [5, 2]}, "annotations.0.span: it ends at 2 s, before it starts at 5 s"),
        ({"span": [1]}, "annotations.0.span"),
        ({"choices": [0] * 200_000}, "annotations.0.choices.0"),
    ],
)
def test_what_no_annotation_can_have(annotation, message):
    with pytest.raises(BadSample, match=f"bad annotation: {message}") as caught:
        read(annotation)
    assert str(caught.value).encode()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"id": "a", "id": "b", "annotations": []}', "the key 'id' stands twice in one object"),
        (b'{"weight": ' + b"9" * 5000 + b"}", "not JSON: .*4300 digits"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"\xed\xa0\xbd", "not JSON"),
        (b"[" + b"0," * MOST_VALUES + b"0]", f"more than {MOST_VALUES} values"),
        (b"[" + b"{}," * MOST_VALUES + b"{}]", f"more than {MOST_VALUES} values"),
        (b'{"a' + b'[\\"' * (4 << 20), "not JSON: Unterminated string"),  # for minutes, were each quote tried
        (b'["' + b'","' * (4 << 20) + b'"]', f"more than {MOST_VALUES} values"),
        (b"1" * (17 << 20), "has 17825792 bytes, more than"),
    ],
)
def test_json_within_bounds(text, message):
    with pytest.raises(BadSample, match=f"bad annotation: KEY.json (is |has |is not JSON: )?{message}"):
        parse_json(text)


def test_commas_in_texts_are_no_values():
    text = "well, " * MOST_VALUES
    assert parse_json(json.dumps({"text": text}).encode()) == {"text": text}
