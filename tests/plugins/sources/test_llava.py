"""Conversations in the form of LLaVA's training data."""

import json

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer

ROW = {
    "id": "000000033471",
    "image": "coco/000000033471.jpg",
    "conversations": [
        {"from": "human", "value": "<image>\nWhat are the colors of the bus?"},
        {"from": "gpt", "value": "White and red."},
        {"from": "human", "value": "Is it parked?\n<image>"},
        {"from": "gpt", "value": "Yes."},
    ],
}


def made(source, write, *rows, **options):
    return list(source(write("chat.json", json.dumps(rows)), kind="llava", **options).annotations())


def test_each_pair_of_turns_is_an_annotation_without_marks(source, write):
    row = {**ROW, "image": ["a.jpg", "b.jpg"]}
    assert made(source, write, row) == [
        Annotation(
            id=f"chat#0.{pair}", task="vqa", text=text, answers=(ScoredAnswer(text=answer),), media=("a.jpg", "b.jpg")
        )
        for pair, (text, answer) in enumerate(
            [("What are the colors of the bus?", "White and red."), ("Is it parked?", "Yes.")]
        )
    ]


def test_what_was_said_before_may_be_the_context(source, write):
    first, second = made(source, write, {**ROW, "image": ["a.jpg", "b.jpg"]}, history=True)
    assert (first.context, second.context) == ("", "What are the colors of the bus?\nWhite and red.")


def test_rows_of_text_and_of_videos(source, write):
    turns = [{"from": "human", "value": "<video> What?"}, {"from": "gpt", "value": "That."}]
    text, video = made(
        source, write, {"id": 1, "conversations": [
            {"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]},
        {"id": 1, "video": "clip.mp4", "conversations": turns},
    )  # fmt: skip
    assert (text.id, text.media) == ("chat#0.0", ())
    assert (video.id, video.media, video.text) == ("chat#1.0", ("clip.mp4",), "What?")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"conversations": ROW["conversations"][:1]}, "turns from human, where human and gpt alternate"),
        ({"conversations": ROW["conversations"][1:3]}, "turns from gpt, human, where human and gpt alternate"),
        ({"conversations": None}, "no list `conversations` or `messages` of objects"),
        ({"image": None}, "2 marks <image> or <video>, and 0 media"),
        ({"image": {"path": "a.jpg"}}, "an object, where a text should be"),
    ],
)
def test_a_row_of_another_form_is_dropped(source, write, change, detail):
    assert made(source, write, {**ROW, **change}) == [Dropped("chat#0", "bad row", detail)]


def test_a_question_without_an_answer_is_dropped_alone(source, write):
    row = {**ROW, "image": ["a.jpg", "b.jpg"], "conversations": ROW["conversations"][:3]}
    first, last = made(source, write, row)
    assert first.text == "What are the colors of the bus?"
    assert last == Dropped("chat#0.1", "bad row", "its last turn is a question without an answer")


def test_messages_of_user_and_assistant_with_a_system_in_front(source, write):
    messages = [
        ("system", "Be brief."),
        ("user", "<image>What?"),
        ("assistant", "A bus."),
        ("user", "Red?"),
        ("assistant", "Yes."),
    ]
    row = {"images": ["a.jpg"], "messages": [{"role": role, "content": text} for role, text in messages]}
    first, second = made(source, write, row)
    assert (first.text, first.context, first.media) == ("What?", "Be brief.", ("a.jpg",))
    assert (second.text, second.context, second.answers) == ("Red?", "Be brief.", (ScoredAnswer(text="Yes."),))


def test_json_lines_are_read_too(source, write):
    row = {**ROW, "conversations": ROW["conversations"][:2]}
    [one] = source(write("chat.jsonl", json.dumps(row)), kind="llava").annotations()
    assert one.media == ("coco/000000033471.jpg",)


def test_a_conversation_alone_is_a_row_and_other_objects_are_told_without_options_of_tables(source, write):
    row = {**ROW, "image": ["a.jpg", "b.jpg"]}
    first, _ = source(write("one.json", json.dumps(row)), kind="llava").annotations()
    assert first.text == "What are the colors of the bus?"
    with pytest.raises(MultigraftError) as error:
        list(source(write("t.json", json.dumps({"rows": [ROW]})), kind="llava").annotations())
    assert str(error.value).endswith("t.json: it is no list of rows, nor JSON lines: lists stand under rows")
