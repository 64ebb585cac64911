"""What the report page shows of sound."""

import base64
import shutil
from collections import Counter
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
import soundfile

from multigraft.core.registry.registry import load_registry
from multigraft.core.report.media_decoder import decoder_of
from multigraft.core.report.pictures import thumbnails
from multigraft.core.report.sounds import spectrogram
from multigraft.core.report.write import write_report


class Cards(HTMLParser):
    """Data URIs of the pictures and sounds of each card."""

    def __init__(self):
        super().__init__()
        self.cards = []

    def handle_starttag(self, tag, attributes):
        if tag == "article":
            self.cards.append({"img": [], "audio": []})
        elif tag in ("img", "audio"):
            self.cards[-1][tag].append(dict(attributes)["src"])


@pytest.fixture(scope="module")
def page(heard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "run"
    shutil.copytree(heard.folder, folder)
    return write_report(folder).read_text()


def data_of(uri):
    return BytesIO(base64.b64decode(uri.partition(",")[2]))


def test_a_sound_is_drawn_and_played(page):
    parser = Cards()
    parser.feed(page)
    heard = [card for card in parser.cards if card["audio"]]
    pictures = Counter(len(card["img"]) for card in heard)
    assert set(pictures) == {1, 2}  # those of scenes have a picture too
    assert min(pictures.values()) >= 6
    assert "cannot be shown" not in page
    kinds = {uri.partition(";")[0]: soundfile.info(data_of(uri)) for card in heard for uri in card["audio"]}
    assert {kind: (info.format, info.samplerate, info.channels) for kind, info in kinds.items()} == {
        "data:audio/wav": ("WAV", 8000, 1),
        "data:audio/flac": ("FLAC", 16000, 2),
    }


def test_the_picture_of_a_sound_has_low_bands_below(page):
    low, high = np.full((40, 8), -10.0, np.float32), np.full((900, 8), -10.0, np.float32)
    low[:, 0], high[:450, 7] = 1, 1
    drawn = spectrogram(low)
    assert drawn.shape == (3, 8, 40)
    assert (drawn[:, -1] == 255).all()
    assert not drawn[:, :-1].any()
    drawn = spectrogram(high)
    assert drawn.shape == (3, 8, 288)
    assert drawn[0, 0].tolist() == [255] * 144 + [0] * 144


def test_silence_has_a_picture():
    assert not spectrogram(np.zeros((5, 4), np.float32)).any()


ODD = """
import numpy as np
from multigraft import Component, Input, LogMel, Media, Options, Preparation, hookimpl

class SmellOptions(Options):
    pass

class OwnPreparation(Preparation):
    pass

class Smell(Input):
    kind, modality, prepares, extensions = "smell", "smell", OwnPreparation, ("wav",)

    def decode(self, data, preparation, span):
        raise AssertionError

    def fingerprint(self):
        return "smell"

class Samples(Smell):
    prepares, extensions = LogMel, ("flac",)

    def decode(self, data, preparation, span):
        return Media("smell", "smell", np.zeros((1, 9), np.float32), np.zeros(1, np.float32))

def smell(options):
    return Smell()

def samples(options):
    return Samples()

@hookimpl
def register_inputs():
    yield Component("smell", "odd_smell:SmellOptions", "odd_smell:smell")
    yield Component("samples", "odd_smell:SmellOptions", "odd_smell:samples")
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A registry with the inputs above."""
    path = tmp_path_factory.mktemp("odd") / "odd_smell.py"
    path.write_text(ODD)
    return load_registry([path])


@pytest.mark.parametrize(
    ("inputs", "line", "told"),
    [
        (["image", "smell"], ["This page knows no way to draw smells."], "no encoder reads it"),
        (["image", "samples"], [], "its input makes neither pictures nor log-mel energies of it"),
        (["image"], [], "no input reads it"),
    ],
)
def test_media_of_other_kinds_are_told_in_words(sounds, odd, inputs, line, told):
    decoder, problems = decoder_of({"inputs": inputs}, odd)
    assert problems == line
    name = "sounds-validation-000000.tar#tone-validation" + ("1.flac" if "samples" in inputs else "0.wav")
    found = thumbnails([name], [sounds], decoder)[name]
    assert told in found.problem
    assert not found.uris
