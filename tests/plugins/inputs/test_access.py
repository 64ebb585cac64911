from io import BytesIO

import av
import pytest

from multigraft.plugins.inputs.access import begins_anew

TIMES = tuple(number / 30 for number in range(40))
X264 = "keyint=12:min-keyint=12:scenecut=0"
X265 = "log-level=none:keyint=12:min-keyint=12:scenecut=0"


@pytest.mark.parametrize(
    ("form", "codec", "options", "entries"),
    [
        ("mp4", "libx264", {"x264-params": f"{X264}:bframes=0"}, [0, 12, 24, 36]),
        ("matroska", "libx264", {"x264-params": f"{X264}:bframes=3"}, [0, 12, 24, 36]),
        ("mp4", "libx264", {"x264-params": f"{X264}:bframes=3:open-gop=1"}, [0]),
        ("mp4", "libx264", {"x264-params": f"{X264}:bframes=0:intra-refresh=1"}, [0]),
        ("mpegts", "libx264", {"x264-params": X264}, []),
        ("mp4", "libx265", {"x265-params": f"{X265}:bframes=0"}, [0, 12, 24, 36]),
        ("mov", "mpeg4", {"sc_threshold": "1000000000"}, [0, 12, 24, 36]),
        ("webm", "libvpx", {}, [0, 12, 24, 36]),
        ("webm", "libvpx-vp9", {}, [0, 12, 24, 36]),
        ("mp4", "libsvtav1", {}, []),
    ],
)
def test_where_decoding_can_begin_whatever_the_container_marks(clips, form, codec, options, entries):
    with av.open(BytesIO(clips.make(TIMES, form, codec, **options))) as container:
        context = container.streams.video[0].codec_context
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        found = [n for n, packet in enumerate(packets) if begins_anew(context.name, packet, context.extradata)]
    assert found == entries


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg4", "vp8", "vp9"])
@pytest.mark.parametrize("packet", [b"\xff", b"\xff\xff\xff\xff", bytes([0, 0, 0, 9, 255])])
def test_rubbish_is_no_place_to_begin(codec, packet):
    assert not begins_anew(codec, packet, bytes([1] * 30))
