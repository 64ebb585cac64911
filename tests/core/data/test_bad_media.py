"""A shard full of what goes wrong: a run over it ends well, and says what it left out."""

import json
import os

import pytest

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.annotation import Annotation
from multigraft.plugins.inputs.options import ImageOptions, VideoOptions


@pytest.fixture
def decoder(transform, workers):
    wanted = (ImageOptions(kind="image"), VideoOptions(kind="video", frames=3))
    inputs = [build_input(default_registry(), each) for each in wanted]
    media = MediaDecoder(inputs, {"visual": transform}, workers)
    yield media
    media.close()


@pytest.fixture
def samples(picture_file, clip_file, png_header):
    """Good and bad samples, one annotation each; the key says what is wrong."""
    jpeg, clip = picture_file(form="JPEG", size=(200, 200)), clip_file(12)

    def sample(key, field, data, text="what?", named=None):
        return key, [Annotation(id=f"q-{key}", task="vqa", text=text, media=(named or field,))], {field: data}

    return [
        sample("good-picture", "jpg", jpeg),
        sample("cut-jpeg", "jpg", jpeg[: len(jpeg) // 2]),
        sample("text-as-jpg", "jpg", b"<html>404</html>"),
        sample("huge-png", "png", png_header(30_000, 30_000)),
        sample("good-clip", "mp4", clip),
        sample("empty-mp4", "mp4", b""),
        sample("cut-mp4", "mp4", clip[: len(clip) // 2]),
        sample("no-question", "jpg", jpeg, text=""),
        sample("other-field", "jpg", jpeg, named="1.jpg"),
        sample("unknown-field", "pickle", b"cos\nsystem"),
        *(sample(f"fine{number}", "jpg", jpeg) for number in range(4)),
    ]


REASONS = {
    "cut-jpeg": "truncated image",
    "text-as-jpg": "not an image",
    "huge-png": "too large",
    "empty-mp4": "empty file",
    "cut-mp4": "truncated video",
    "no-question": "missing field",
    "other-field": "missing field",
    "unknown-field": "no input reads it",
}


def test_evaluation_lists_each_and_gives_the_rest(samples, pack, open_task, decoder):
    pack(samples, per_shard=100)
    log = SkippedLog(None, 0.0)
    given = [each.annotation.id for each in EvaluationSamples(open_task("vqa"), SampleReader(decoder), log)]
    assert {entry.key: entry.reason for entry in log.listed} == REASONS
    assert given == [f"q-{key}" for key, _, _ in samples if key not in REASONS]


def test_training_replaces_each_and_ends_well(samples, pack, open_task, make_stream, decoder, tmp_path):
    pack(samples)
    log = SkippedLog(tmp_path / "skipped.jsonl", 1.0)
    batches = list(make_stream([open_task("vqa")], media=decoder, log=log, batch=7).batches(0, 4))
    assert [len(batch) for batch in batches] == [7] * 4
    assert not {each.annotation.id.removeprefix("q-") for batch in batches for each in batch} & REASONS.keys()
    lines = [json.loads(line) for line in (tmp_path / "skipped.jsonl").read_text().splitlines()]
    assert {line["key"]: line["reason"] for line in lines} == REASONS
    assert sum(log.counts.values()) == len(REASONS)


def test_bytes_that_changed_unseen_are_noticed(samples, pack, open_task, decoder):
    (path,) = pack(samples[:1])
    source, before = open_task("vqa"), path.stat()
    place = path.read_bytes().index(b"JFIF") + 200
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\0\1\2\3")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    log = SkippedLog(None, 0.0)
    assert list(EvaluationSamples(source, SampleReader(decoder), log)) == []
    assert [entry.reason for entry in log.listed] == ["wrong crc"]


def test_a_video_and_two_pictures_in_one_sample(pack, open_task, decoder, picture_file, clip_file):
    notes = [Annotation(id="1", task="vqa", text="?", media=("1.png", "mp4", "0.png"))]
    media = {"0.png": picture_file((255, 0, 0)), "1.png": picture_file((0, 255, 0)), "mp4": clip_file(12)}
    pack([("k", notes, media)])
    (sample,) = EvaluationSamples(open_task("vqa"), SampleReader(decoder), SkippedLog(None, 0.0))
    assert [each.kind for each in sample.media] == ["image", "video", "image"]
    assert sample.media[0].arrays[0, :, 0, 0].tolist() == [0, 255, 0]
    assert sample.media[1].arrays.shape == (3, 3, 16, 16)
