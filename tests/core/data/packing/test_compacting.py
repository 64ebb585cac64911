"""Media that are written anew when they are packed."""

from io import BytesIO

import av
import pytest

from multigraft.core.data.packing.compacting import Compacting
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.pyav_frames import PyavDecoder
from multigraft.plugins.inputs.video import VideoInput


class Shouting(Input):
    """Pictures in capitals, as `big`; one that says no is refused, one that is large enough stays."""

    kind, extensions = "image", ("jpg",)

    def decode(self, data, preparation, span):
        raise AssertionError("nothing is decoded")

    def compact(self, data, shorter):
        if b"no" in data:
            raise BadSample("broken picture", "it says no")
        return None if len(data) > 20 else ("big", data.upper() + str(shorter).encode())

    def fingerprint(self):
        return "shouting"


@pytest.fixture
def compacting():
    return Compacting([Shouting()], 64)


def test_media_come_in_the_form_that_their_input_gives_them(packed, note, medium, folder, compacting):
    medium("a.jpg", b"a picture")
    medium("b.png", b"another one")
    medium("c.jpg", b"this one is as it should be")
    entry = packed([note(0, "a.jpg", "b.png"), note(1, "c.jpg")], compacting=compacting)
    shard = Shard(folder / "shards" / "train-000000.tar")
    assert shard.annotation(0).media == ("0.big", "1.png")
    assert (shard.read(0, "0.big"), shard.read(0, "1.png")) == (b"A PICTURE64", b"another one")
    assert shard.read(1, "jpg") == b"this one is as it should be"
    assert entry["of"]["reencode"] == 64


def test_a_clip_becomes_an_mp4_with_many_key_frames(packed, note, medium, folder, clip_file):
    medium("clip.jpg", clip_file())
    reader = VideoInput(VideoOptions(kind="video"), PyavDecoder())
    reader.extensions = ("jpg",)
    packed([note(0, "clip.jpg")], compacting=Compacting([reader], 16))
    data = Shard(folder / "shards" / "train-000000.tar").read(0, "mp4")
    with av.open(BytesIO(data)) as clip:
        stream = clip.streams.video[0]
        assert min(stream.width, stream.height) <= 16
        keys = [packet.is_keyframe for packet in clip.demux(stream) if packet.size]
    assert keys == [number % 12 == 0 for number in range(len(keys))]


def test_what_cannot_be_written_anew_is_dropped_and_counted(packed, note, medium, lines, folder, compacting):
    medium("a.jpg", b"no")
    medium("b.jpg", b"yes")
    entry = packed([note(0, "a.jpg"), note(1, "b.jpg")], compacting=compacting, bad_limit=0.5)
    assert entry["counts"]["dropped"] == {"broken picture": 1}
    assert lines(folder / "shards" / "train-dropped.jsonl") == [
        {"row": "q0", "reason": "broken picture", "detail": "a.jpg: it says no", "rows": 1}
    ]


def test_a_packing_does_not_go_on_in_another_form(packed, note, medium, compacting):
    medium("a.jpg")
    packed([note(0, "a.jpg")], compacting=compacting)
    with pytest.raises(MultigraftError, match="packed with other reencode"):
        packed([note(0, "a.jpg")])
