"""Real shards in which some of everything is bad, and what a run must make of them."""

import json
import os
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.data.shard_writer import ShardFile
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.transform import Transform
from multigraft.plugins.inputs.options import ImageOptions, VideoOptions

TASKS = ("vqa", "choice", "words")
FLAWS = {
    "": ({}, ""),
    "no question": ({"text": " "}, "missing field"),
    "no answer": ({"answers": []}, "missing field"),
    "answer is no choice": ({"choices": ["left", "right"]}, "bad annotation"),
    "unknown field": ({"colour": "red"}, "bad annotation"),
    "wrong type": ({"weight": "much"}, "bad annotation"),
    "span runs backwards": ({"span": [2.0, 1.0]}, "bad annotation"),
}
"""What an annotation has in the place of what is right, and what is said of it."""
FORM = {"unknown field", "wrong type", "span runs backwards"}
"""Flaws that the index sees: the record is named, not its annotation."""


@dataclass
class Expected:
    """What is in the shards: id of each annotation with a row in an index, by its key and its place in the record."""

    ids: dict[tuple[str, int], str] = field(default_factory=dict)
    bad: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    """By id: shard, key, annotation and reason, as they are listed."""
    noted: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    """What the indices say, with the numbers that it stands for."""


@pytest.fixture(scope="session")
def media_files(picture_file, png_header, clip_file):
    """Media by what is wrong with them: field, name in the annotation, bytes, reason."""
    picture, photo, clip = picture_file(), picture_file(form="JPEG", size=(200, 200)), clip_file(4)
    return {
        "": ("png", "png", picture, ""),
        "good clip": ("mp4", "MP4", clip, ""),
        "cut photo": ("jpg", "jpg", photo[: len(photo) // 2], "truncated image"),
        "a page": ("jpg", "jpg", b"<html>404</html>", "not an image"),
        "huge": ("png", "png", png_header(30_000, 30_000), "too large"),
        "no bytes": ("0.png", "0.png", b"", "empty file"),
        "cut clip": ("mp4", "mp4", clip[: len(clip) // 2], "truncated video"),
        "other name": ("png", "1.png", picture, "missing field"),
        "unread": ("pickle", "pickle", b"cos\nsystem", "no input reads it"),
    }


@pytest.fixture(scope="session")
def samples(media_files):
    """Samples `(medium, [(task, flaw), ...])`, among them as many good annotations of each task as there are others, so
    that a replacement is found soon."""
    annotations = st.lists(st.tuples(st.sampled_from(TASKS), st.sampled_from(tuple(FLAWS))), min_size=1, max_size=3)

    def with_good_ones(drawn):
        counts = Counter(task for _, asked in drawn for task, _ in asked)
        return [*drawn, *(("", [(task, "")]) for task in TASKS for _ in range(counts[task] + 1))]

    return st.lists(st.tuples(st.sampled_from(tuple(media_files)), annotations), min_size=4, max_size=12).map(
        with_good_ones
    )


@pytest.fixture(scope="module")
def media():
    """Decodes pictures in the threads that ask, clips in a process of its own that may take its time."""
    wanted = (ImageOptions(kind="image"), VideoOptions(kind="video", frames=2))
    inputs = [build_input(default_registry(), each) for each in wanted]
    workers = DecodeWorkers(processes=1, deadline=600.0)
    decoder = MediaDecoder(inputs, {"visual": Transform(16, (0.0,) * 3, (1.0,) * 3)}, workers)
    yield decoder
    decoder.close()


@pytest.fixture(scope="session")
def write_shards(media_files):
    """Write samples `(medium, ((task, flaw), ...))` to shards of a folder, and two more shards that were damaged."""

    def write(folder, samples, per_shard):
        expected = Expected()
        shards = [samples[start : start + per_shard] for start in range(0, len(samples), per_shard)]
        for number, own in enumerate(shards):
            path = folder / f"a-{number:06}.tar"
            shard = ShardFile(path)
            for place, sample in enumerate(own):
                _add(expected, shard, f"{number}-{place}", *sample, media_files)
            shard.close()
        _write_damaged(folder / "a-changed.tar", expected, media_files, _change)
        _write_damaged(folder / "a-cut.tar", expected, media_files, _cut)
        return expected

    return write


def _add(expected, shard, key, medium, asked, media_files):
    """A sample in a shard, and what is expected of it."""
    stored, named, data, spoiled = media_files[medium]
    annotations = [_annotation(f"{task}/{key}/{n}", task, flaw, named) for n, (task, flaw) in enumerate(asked)]
    shard.add(key, json.dumps({"id": key, "annotations": annotations}).encode(), {stored: data})
    at = str(shard.path), key
    for place, (annotation, (_, flaw)) in enumerate(zip(annotations, asked, strict=True)):
        name = expected.ids[key, place] = annotation["id"]
        task = name.partition("/")[0]
        if reason := _reason(task, flaw, spoiled):
            expected.bad[name] = (*at, "" if flaw in FORM else name, reason)
        if spoiled == "missing field" and flaw not in FORM:
            expected.noted[*at, name, spoiled] = 1
    if misshapen := sum(flaw in FORM for _, flaw in asked):
        expected.noted[*at, "", "bad annotation"] = misshapen


def _reason(task, flaw, spoiled):
    """What is wrong for a task: only `choice` needs choices, and `words` reads no media."""
    own = "" if flaw == "answer is no choice" and task != "choice" else FLAWS[flaw][1]
    return own or ("" if task == "words" else spoiled)


def _annotation(name, task, flaw, medium):
    answers = [{"text": "red"}]
    right = {"text": "which?", "answers": answers, "choices": ["red", "blue"], "media": [medium]}
    return {"id": name, "task": task, **right, **FLAWS[flaw][0]}


def _write_damaged(path, expected, media_files, damage):
    """Three whole samples, of which the last is damaged afterwards; two records that no annotation can be taken of."""
    shard = ShardFile(path)
    shard.add(f"{path.stem}-empty", b'{"id": "e", "annotations": []}', {})
    shard.add(f"{path.stem}-torn", b'{"id": "t", "annotations": [', {})
    for number in range(3):
        _add(expected, shard, f"{path.stem}{number}", "", (("vqa", ""), ("choice", "")), media_files)
    shard.close()
    expected.noted[str(path), f"{path.stem}-empty", "", "no question"] = 1
    expected.noted[str(path), f"{path.stem}-torn", "", "bad annotation"] = 1
    damage(path, f"{path.stem}2", expected)


def _change(path, key, expected):
    """Other bytes in a picture and in the two annotations of another record, which no time tells of."""
    before, data = path.stat(), path.read_bytes()
    picture, record = (data.index(f"{name}.".encode()) for name in (key, "a-changed1"))
    places = {data.index(b"IDAT", data.index(b".png", picture)): b"iDAT"}
    for number in (0, 1):
        record = data.index(b"which?", record + number)
        places[record] = b"whicH?"
    with path.open("r+b") as file:
        for place, changed in places.items():
            file.seek(place)
            file.write(changed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for number, task in enumerate(("vqa", "choice")):
        expected.bad[f"{task}/{key}/{number}"] = (str(path), key, f"{task}/{key}/{number}", "wrong crc")
        torn = str(path), "a-changed1", f"annotations.{number}", "wrong crc"
        expected.bad[f"{task}/a-changed1/{number}"] = torn


def _cut(path, key, expected):
    """A shard that ends within a picture: its sample is not there."""
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"IDAT", data.index(f"{key}.png".encode()))])
    expected.noted[str(path), key, "", "cut tar"] = 1
    for place in (0, 1):
        del expected.ids[key, place]
