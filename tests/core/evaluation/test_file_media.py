"""Media of files are decoded as those of shards are, and known by their content alone."""

import importlib
import sys

import pytest

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.file_media import FileMedia, MediaReader
from multigraft.core.types.transform import Transform

INPUT = """
import os

import numpy as np

from multigraft import Input, Media


class ByWord(Input):
    kind = "image"

    def __init__(self, ending, isolated):
        self.extensions, self.isolated = (ending,), isolated

    def decode(self, data, preparation, span):
        if data == b"fail":
            raise ZeroDivisionError("as asked")
        if data == b"crash":
            os.abort()
        return Media("image", "visual", np.zeros((1, 3, 4, 4), np.uint8), np.zeros(1, np.float32))

    def fingerprint(self):
        return "by-word"
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write a file and read it; `.own` is decoded in a process of its own."""
    (tmp_path / "by_word_input.py").write_text(INPUT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "by_word_input", raising=False)
    made = importlib.import_module("by_word_input").ByWord
    inputs, media = [made("here", False), made("own", True)], FileMedia()
    wanted = {"visual": Transform(4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), fit="stretch")}
    reader = MediaReader(inputs, MediaDecoder(inputs, wanted, DecodeWorkers()), own_tokens=False)

    def run(name, data):
        (tmp_path / name).write_bytes(data)
        return media.read(tmp_path / name, reader)

    yield run
    reader.decoder.close()


def test_whatever_a_decoder_fails_with_is_told_with_the_file(read):
    assert read("A.HERE", b"good")[1].arrays.shape == (1, 3, 4, 4)
    with pytest.raises(MultigraftError, match=r"a\.here cannot be decoded: decoder failed: .*as asked"):
        read("a.here", b"fail")


def test_a_file_that_is_mended_is_read_under_its_name(read):
    for _ in range(2):
        with pytest.raises(MultigraftError, match=r"a\.own cannot be decoded: decoder crashed"):
            read("a.own", b"crash")
    assert read("a.own", b"good")[1].kind == "image"
