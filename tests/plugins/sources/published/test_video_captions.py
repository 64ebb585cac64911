"""TVC and YC2C from lines as VALUE gives them out."""

import json

from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation

CLIP = {
    "vid_name": "grey_s03e12_seg02_clip_17", "duration": 94.03, "ts": [35.73, 40.9], "clip_id": 86602,
    "descs": [
        {"desc": "Meredith walks into the kitchen.", "desc_id": 62633, "type": "v", "from_retrieval": True},
        {"desc": "She sits down.\n", "desc_id": 62634, "type": "vt", "from_retrieval": False},
    ],
}  # fmt: skip


def made(source, write, *lines, kind="tvc", **options):
    path = write("train.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    return list(source(path, kind=kind, **options).annotations())


def test_a_clip_has_all_its_captions_as_references(source, write):
    assert made(source, write, CLIP) == [
        Annotation(
            id="tvc#86602",
            task="vqa",
            source="tvc",
            references=("Meredith walks into the kitchen.", "She sits down."),
            span=(35.73, 40.9),
            media=("grey_s03e12_seg02_clip_17.mp4",),
        )
    ]


def test_or_there_is_an_annotation_for_each_caption(source, write):
    found = made(source, write, CLIP, kind="yc2c", per="caption")
    assert [(each.id, each.references) for each in found] == [
        ("yc2c#86602.62633", ("Meredith walks into the kitchen.",)), ("yc2c#86602.62634", ("She sits down.",)),
    ]  # fmt: skip


def test_test_clips_have_no_captions(source, write):
    hidden = {key: value for key, value in CLIP.items() if key != "descs"}
    for per in ("clip", "caption"):
        [one] = made(source, write, hidden, per=per)
        assert (one.id, one.references) == ("tvc#86602", ())


def test_what_is_said_during_the_clip_is_its_context(source, write):
    lines = [{"text": "Hi.", "start": 36.0, "end": 37.0}, {"text": "Bye.", "start": 41.0, "end": 42.0}]
    said = write("said.jsonl", json.dumps({"vid_name": CLIP["vid_name"], "sub": lines}))
    [one] = made(source, write, CLIP, subtitles=str(said))
    assert one.context == "Hi."


def test_bad_lines_are_dropped(source, write):
    bad = [{**CLIP, "clip_id": None}, {**CLIP, "ts": [1.0]}, {**CLIP, "descs": ["a"]}, {**CLIP, "ts": ["a", 2]}]
    assert made(source, write, *bad) == [
        Dropped("train#0", "bad row", "it has no 'clip_id'"),
        Dropped("train#1", "bad row", "its `ts` is [1.0], no start and end"),
        Dropped("train#2", "bad row", "its 'descs' is no list of objects"),
        Dropped("train#3", "bad row", "'a', where a number should be"),
    ]
