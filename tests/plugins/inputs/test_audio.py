"""The `audio` input on real WAV and FLAC files."""

from io import BytesIO

import numpy as np
import pytest
import soundfile

from multigraft import BadSample, LogMel, Span
from multigraft.plugins.inputs.audio import build
from multigraft.plugins.inputs.options import AudioOptions

RATE = 8000
WANTED = LogMel(rate=RATE, window=200, hop=80, bands=20, seconds=10.0)


def tone(pitch, seconds, rate=RATE, loud=0.5):
    return (loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def file_of(sound, rate=RATE, form="WAV", subtype="PCM_16"):
    stream = BytesIO()
    soundfile.write(stream, sound, rate, format=form, subtype=subtype)
    return stream.getvalue()


def decode(data, span=None, wanted=WANTED, **options):
    return build(AudioOptions(kind="audio", **options)).decode(data, wanted, span)


def loudest(media):
    """The loudest band of each window."""
    return media.arrays[0].argmax(1)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"), ("FLAC", "PCM_16")],
)
def test_a_clip_becomes_log_mel_energies(form, subtype):
    media = decode(file_of(tone(1000, 0.5), form=form, subtype=subtype))
    assert (media.kind, media.modality, media.arrays.shape, media.arrays.dtype) == (
        "audio", "audio", (1, WANTED.windows(4000), 20), np.float32,
    )  # fmt: skip
    assert media.times.tolist() == [0.0]
    middles = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 22)[1:-1] / 2595) - 1)
    assert set(loudest(media)[:-1]) == {np.abs(middles - 1000).argmin()}


def test_a_band_holds_the_energy_of_its_tone():
    # In the middle of a band, of weight 1, a sine of amplitude a gives about (a/2)^2 |sum of the window|^2 at its bin.
    wanted = LogMel(rate=RATE, window=400, hop=400, bands=2)
    corners = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), 4) / 2595) - 1)
    pitch = 20 * round(corners[1] / 20)
    first = decode(file_of(tone(pitch, 0.5, loud=0.5), subtype="FLOAT"), wanted=wanted).arrays[0, 0, 0]
    assert abs(first - np.log((0.25 * 200) ** 2 * (1 + 2 * 0.25))) < 0.02
    second = decode(file_of(tone(pitch, 0.5, loud=0.05), subtype="FLOAT"), wanted=wanted).arrays[0, 0, 0]
    assert abs(first - second - np.log(100)) < 1e-3


def test_channels_are_mixed():
    left = tone(500, 0.5)
    both = np.stack([left, -left], 1)
    assert decode(file_of(both, subtype="FLOAT")).arrays.max() < np.log(1e-9)
    alone = np.stack([left, np.zeros_like(left)], 1)
    assert np.allclose(
        decode(file_of(alone, subtype="FLOAT")).arrays, decode(file_of(left / 2, subtype="FLOAT")).arrays, atol=1e-4
    )


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
def test_another_rate_sounds_the_same(rate):
    given = decode(file_of(tone(700, 1.0, rate), rate, subtype="FLOAT")).arrays[0, 10:-10]
    wanted = decode(file_of(tone(700, 1.0), subtype="FLOAT")).arrays[0, 10 : 10 + len(given)]
    clear = wanted > np.log(1e-3)
    assert clear.any()
    assert np.abs(given - wanted)[clear].max() < 0.02


def test_what_the_rate_cannot_hold_is_cut_off():
    high = decode(file_of(tone(6000, 1.0, 16_000), 16_000, subtype="FLOAT")).arrays[0, 10:-10]
    assert high.max() < np.log(1e-5)


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_a_span_is_that_stretch(form):
    data = file_of(np.concatenate([tone(300, 1.0), tone(2000, 1.0)]), form=form)
    first, second = decode(data, Span(0.0, 1.0)), decode(data, Span(1.0, 5.0))
    assert (first.times.tolist(), second.times.tolist()) == ([0.0], [1.0])
    assert first.arrays.shape == second.arrays.shape == (1, WANTED.windows(RATE), 20)
    assert loudest(first)[:-1].max() < loudest(second)[:-1].min()
    alone = decode(file_of(tone(2000, 1.0), form=form))
    assert np.allclose(second.arrays, alone.arrays, atol=0.1)


def test_a_span_of_a_file_of_another_rate_begins_at_its_seconds():
    assert decode(file_of(tone(300, 2.0, 16_000), 16_000), Span(0.5, 1.0)).times.tolist() == [0.5]


def test_a_clip_shorter_than_a_window_is_one():
    assert decode(file_of(tone(300, 0.01))).arrays.shape == (1, 1, 20)


def test_only_the_span_must_be_short():
    data = file_of(tone(300, 12.0))
    assert decode(data, Span(2.0, 12.0)).arrays.shape == (1, WANTED.most_windows, 20)
    with pytest.raises(BadSample, match="too long: 12 s, and the encoder reads 10 at most"):
        decode(data)
    with pytest.raises(BadSample, match="too long: 12 s, more than 11"):
        decode(data, Span(2.0, 3.0), max_seconds=11)


def streamed(data):
    """As programs write it that do not know the length beforehand."""
    return data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]


def test_a_streamed_file_is_whole():
    data = file_of(tone(300, 0.5))
    assert np.array_equal(decode(streamed(data)).arrays, decode(data).arrays)


def without_length(data):
    """A FLAC file whose header does not say how many samples there are: 36 bits of its first block."""
    return data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:]


GOOD = file_of(tone(300, 0.5))
NOISE = np.random.default_rng(0).normal(0, 0.1, 8 * RATE).astype(np.float32)


@pytest.mark.parametrize(
    ("data", "span", "reason"),
    [
        (b"", None, "empty file"),
        (b"no sound at all", None, "not audio"),
        (GOOD[:30], None, "not audio"),
        (GOOD[:-1], None, "truncated audio"),
        (GOOD[: len(GOOD) // 2], None, "truncated audio"),
        (file_of(NOISE, form="RF64")[:5000], None, "truncated audio"),
        (file_of(NOISE, form="FLAC")[:5000], None, "truncated audio"),
        (file_of(NOISE, form="OGG", subtype="VORBIS"), None, "not audio: it is OGG; WAV and FLAC are read"),
        (file_of(tone(300, 0.0)), None, "no sound"),
        (file_of(np.full(100, np.nan, np.float32), subtype="FLOAT"), None, "broken audio"),
        (file_of(tone(300, 0.5), rate=2_000_000), None, "too large"),
        (file_of(np.zeros((100, 65), np.float32)), None, "too large: 65 channels"),
        (without_length(file_of(NOISE, form="FLAC")), None, "broken audio: its header does not say how long it is"),
        (GOOD, Span(2.0, 1.0), "bad span"),
        (GOOD, Span(2.0, 3.0), "empty span: 2 s to 3 s of a clip of 0.5 s"),
    ],
)
def test_bad_files_are_bad_samples(data, span, reason):
    with pytest.raises(BadSample) as caught:
        decode(data, span)
    assert str(caught.value).startswith(reason)
