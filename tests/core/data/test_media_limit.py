"""A sample with more images or clips than the prompts take is a bad sample, found before anything is decoded."""

import pytest

from multigraft.core.data.media_limit import MediaLimit
from multigraft.core.data.order import Place
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.data.source import open_source
from multigraft.core.errors import BadSample
from multigraft.core.registry.inputs import build_input
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer
from multigraft.core.types.media import Media

KINDS = {"png": "image", "mp4": "video", "wav": "audio"}


class Counting:
    """Media that were asked for."""

    def __init__(self):
        self.fields = []

    def read(self, shard, sample, field, span):
        self.fields.append(field)
        return Media("image", "visual", None, None)


@pytest.fixture
def source(tmp_path, tiny_recipe, registry):
    asked = {"id": "q", "task": "vqa", "text": "what?", "answers": (ScoredAnswer(text="red"),)}
    names = ("0.png", "1.png", "2.png", "mp4")
    with ShardWriter(tmp_path, "s") as writer:
        for key, media in {"fits": ("0.png", "1.png", "mp4"), "more": names, "same": ("0.png",) * 3}.items():
            record = Record(id=key, annotations=(Annotation(**asked | {"id": key, "media": media}),))
            writer.write(key, record, dict.fromkeys(names, b"."))
    options = tiny_recipe().tasks["vqa"].model_copy(update={"data": {"train": ["s-*.tar"]}})
    return open_source("vqa", registry.build("tasks", options), options, "train", tmp_path, SkippedLog(None, 1.0))


def test_images_are_counted_before_they_are_decoded(source):
    media = Counting()
    reader = SampleReader(media, {"vqa": MediaLimit({"image": 2}, KINDS)})
    fits, more, same = (reader.read(source, Place(0, 0, row), None) for row in range(3))
    assert len(fits.media) == 3
    assert (more, same) == tuple(
        Skipped(str(source.shards[0]), key, key, "too many images", "the annotation names 3, and the prompt takes 2")
        for key in ("more", "same")
    )
    assert media.fields == ["0.png", "1.png", "mp4"]


@pytest.mark.parametrize(("most", "count"), [({}, 50), ({"image": 0}, 0), ({"image": 2, "audio": 50}, 2)])
def test_as_many_as_there_is_room_for(most, count):
    limit = MediaLimit(most, KINDS)
    limit.check(["png"] * count + ["mp4"] * 50 + ["wav"] * 50)
    for ending, kind in (("png", "image"), ("wav", "audio")):
        if kind in most:
            with pytest.raises(BadSample, match=f"too many {kind}s: the annotation names"):
                limit.check([ending] * (most[kind] + 1))


def test_each_modality_has_a_limit_of_its_own(registry):
    inputs = [
        build_input(registry, registry.options("inputs", kind)(kind=kind)) for kind in ("image", "video", "audio")
    ]
    limit = MediaLimit.of(inputs, {"visual": 3, "audio": 1})
    assert limit.most == {"image": 3, "audio": 1}
    assert (limit.kinds["png"], limit.kinds["mp4"], limit.kinds["flac"]) == ("image", "video", "audio")


def test_the_first_input_of_an_ending_says_its_kind(registry):
    class Drawing:
        kind, modality, extensions = "drawing", "visual", ("png", "svg")

    pictures = build_input(registry, registry.options("inputs", "image")(kind="image"))
    endings = MediaLimit.of([Drawing(), pictures], {}).kinds
    assert (endings["png"], endings["svg"], endings["jpg"]) == ("drawing", "drawing", "image")


def test_the_prompts_tell_their_most_images(tiny_model):
    assert tiny_model().most_images("vqa") == {"visual": 2}
