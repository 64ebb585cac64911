"""A clip is turned and mirrored as its container says: all eight ways, by either decoder."""

import struct
from io import BytesIO

import av
import numpy as np
import pytest

from multigraft.plugins.inputs.display import oriented
from multigraft.plugins.inputs.reencode import reencode

WAYS = {
    "upright": (1, 0, 0, 1),
    "quarter turn": (0, 1, -1, 0),
    "half turn": (-1, 0, 0, -1),
    "three quarter turns": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transposed the other way": (0, -1, -1, 0),
}
CORNERS = np.array([[40, 90], [150, 220]])
SHOWN = {
    "upright": [[40, 90], [150, 220]],
    "quarter turn": [[150, 40], [220, 90]],
    "half turn": [[220, 150], [90, 40]],
    "three quarter turns": [[90, 220], [40, 150]],
    "mirrored": [[90, 40], [220, 150]],
    "upside down": [[150, 220], [40, 90]],
    "transposed": [[40, 150], [90, 220]],
    "transposed the other way": [[220, 90], [150, 40]],
}


@pytest.fixture(scope="module")
def four_greys():
    """An mp4 of 64 x 32 with a grey in each quarter."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        grey = np.kron(CORNERS, np.ones((16, 32))).astype(np.uint8)
        for _ in range(4):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


def with_matrix(data, way):
    """The same mp4 with another matrix in its track header (ISO/IEC 14496-12, section 8.3.2)."""
    a, b, c, d = (value * 0x10000 for value in WAYS[way])
    place = data.index(b"tkhd") + 4 + 40
    return data[:place] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[place + 36 :]


@pytest.mark.parametrize("way", WAYS)
def test_a_clip_is_shown_as_its_display_matrix_says(decode, four_greys, way, decoder):
    frame = decode(with_matrix(four_greys, way), decoder=decoder, frames=1).arrays[0, 0].astype(int)
    corners = frame[np.ix_([3, 12], [3, 12])]
    assert np.abs(corners - SHOWN[way]).max() < 8


@pytest.mark.parametrize("way", WAYS)
def test_a_clip_that_is_encoded_again_is_upright(decode, four_greys, way):
    data = reencode(with_matrix(four_greys, way), 32)
    assert data[data.index(b"tkhd") + 44 :][:36] == four_greys[four_greys.index(b"tkhd") + 44 :][:36]
    frame = decode(data, frames=1).arrays[0, 0].astype(int)
    assert np.abs(frame[np.ix_([3, 12], [3, 12])] - SHOWN[way]).max() < 8


def test_a_matrix_between_two_ways_is_the_nearer():
    picture = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert oriented(picture, (99, 10, -10, 99)).tolist() == picture.tolist()
    assert oriented(picture, (10, 99, -99, 10)).tolist() == np.rot90(picture, -1, (1, 2)).tolist()
