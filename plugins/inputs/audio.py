"""The `audio` input: WAV and FLAC to log-mel energies, through libsndfile."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft import BadSample, Input, LogMel, Media, Preparation, Span
from multigraft.plugins.inputs.log_mel import log_mel
from multigraft.plugins.inputs.options import AudioOptions
from multigraft.plugins.inputs.resample import resample
from multigraft.plugins.inputs.riff import is_cut_wave
from multigraft.plugins.inputs.sampling import check_span

_FORMATS = ("WAV", "WAVEX", "RF64", "FLAC")
_UNKNOWN = 2**63 - 1
"""What libsndfile gives as the length of a FLAC file that does not say it."""
_MOST_CHANNELS, _HIGHEST_RATE = 64, 1_000_000
"""What a file may say of itself: the memory that it takes is bounded by them and by the seconds."""


class AudioInput(Input):
    """A clip of sound, all channels as one."""

    kind = "audio"
    modality = "audio"
    prepares = LogMel
    extensions = ("wav", "flac")

    def __init__(self, max_seconds: float) -> None:
        self._max_seconds = max_seconds

    def decode(self, data: bytes, preparation: Preparation, span: Span | None) -> Media:
        """Log-mel energies `(1, windows, bands)`, and the time at which they begin, counted from the clip's start.

        Raises:
            BadSample: `bad span`, `empty file`, `not audio`, `truncated audio`, `broken audio`, `no sound`,
                `too large`, `too long` or `empty span`.
        """
        assert isinstance(preparation, LogMel)
        check_span(span)
        if not data:
            raise BadSample("empty file")
        stream = BytesIO(data)
        with _opened(stream) as file:
            self._check(file, data)
            rate, (start, stop) = file.samplerate, _stretch(file, span)
            if stop - start > preparation.seconds * rate:
                told = f"{(stop - start) / rate:.3g} s, and the encoder reads {preparation.seconds:g} at most"
                raise BadSample("too long", told)
            sound = _read(file, start, stop, stream)
        energies = log_mel(resample(sound, rate, preparation.rate), preparation)
        return Media(self.kind, self.modality, energies[None], np.array([start / rate], np.float32))

    def _check(self, file: Any, data: bytes) -> None:
        if file.channels > _MOST_CHANNELS or file.samplerate > _HIGHEST_RATE:
            raise BadSample("too large", f"{file.channels} channels of {file.samplerate} samples a second")
        if file.frames == _UNKNOWN:
            raise BadSample("broken audio", "its header does not say how long it is")
        if is_cut_wave(data):
            raise BadSample("truncated audio", "it has fewer bytes than its header says")
        if not file.frames:
            raise BadSample("no sound", "it holds no samples")
        if file.frames > self._max_seconds * file.samplerate:
            raise BadSample("too long", f"{file.frames / file.samplerate:.0f} s, more than {self._max_seconds:g}")

    def fingerprint(self) -> str:
        """Nothing but the code decides what comes out."""
        return "audio/1"


def _opened(stream: BytesIO) -> Any:
    """A `soundfile.SoundFile`, with the header read.

    Raises:
        BadSample: `not audio`.
    """
    import soundfile

    try:
        file = soundfile.SoundFile(stream)
    except soundfile.LibsndfileError as error:
        raise BadSample("not audio", f"begins with {stream.getvalue()[:12]!r}: {error.error_string}") from None
    if file.format not in _FORMATS:
        file.close()
        raise BadSample("not audio", f"it is {file.format}; WAV and FLAC are read")
    return file


def _stretch(file: Any, span: Span | None) -> tuple[int, int]:
    """The first sample and the one behind the last; what of a span lies outside the clip is cut off.

    Raises:
        BadSample: `empty span`.
    """
    if span is None:
        return 0, file.frames
    start, stop = (round(min(max(time * file.samplerate, 0), file.frames)) for time in (span.start, span.stop))
    if start == stop:
        length = file.frames / file.samplerate
        raise BadSample("empty span", f"{span.start:g} s to {span.stop:g} s of a clip of {length:.3g} s")
    return start, stop


def _read(file: Any, start: int, stop: int, stream: BytesIO) -> NDArray[np.float32]:
    """Mono `(samples,)`: the mean of the channels.

    Raises:
        BadSample: `truncated audio` or `broken audio`.
    """
    import soundfile

    try:
        file.seek(start)
        sound = file.read(stop - start, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        cut = stream.tell() >= len(stream.getbuffer())
        raise BadSample("truncated audio" if cut else "broken audio", error.error_string) from None
    if len(sound) < stop - start:
        raise BadSample("truncated audio", f"{len(sound)} of {stop - start} samples")
    if not np.isfinite(sound).all():
        raise BadSample("broken audio", "a sample is no finite number")
    mono: NDArray[np.float32] = sound.mean(1)
    return mono


def build(options: AudioOptions) -> Input:
    """The input."""
    return AudioInput(options.max_seconds)
