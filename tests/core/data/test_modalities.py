"""Media of several modalities: each is read by its input for its encoder, decoded or from stored features."""

import importlib
from io import BytesIO

import numpy as np
import pytest
import soundfile
import torch

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.media_by_modality import MediaByModality
from multigraft.core.data.padding import padded
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.log_mel import LogMel
from multigraft.core.types.media import Span
from multigraft.plugins.encoders.audio_transformer import build as build_encoder
from multigraft.plugins.encoders.options import AudioTransformerOptions
from multigraft.plugins.inputs.audio import build as build_audio
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import AudioOptions, ImageOptions


def sound(seconds, seed=0):
    stream = BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, round(8000 * seconds))
    soundfile.write(stream, noise, 8000, format="FLAC")
    return stream.getvalue()


@pytest.fixture(scope="module")
def encoder():
    small = {"width": 8, "layers": 1, "heads": 2, "feed_forward": 8, "bands": 8, "rate": 8000, "seconds": 2.0}
    return build_encoder(AudioTransformerOptions(kind="audio-transformer", weights="random", **small))


@pytest.fixture
def inputs():
    return [build_image(ImageOptions(kind="image")), build_audio(AudioOptions(kind="audio"))]


@pytest.fixture
def shard(pack, picture_file):
    """Sounds of 1, 0.3 and 2 seconds, one of them asked about in part, and pictures beside them."""
    samples = []
    for number, seconds in enumerate((1.0, 0.3, 2.0)):
        notes = [Annotation(id=f"s{number}/all", task="sounds", text="?", media=("flac", "png"))]
        notes += [Annotation(id=f"s{number}/part", task="sounds", text="?", media=("flac",), span=(0.1, 0.2))]
        samples.append((f"s{number}", notes, {"flac": sound(seconds, number), "png": picture_file((9, 9, 9))}))
    (path,) = pack(samples)
    return open_shard(path)


def test_each_field_is_decoded_for_the_encoder_of_its_modality(shard, inputs, transform, encoder, workers):
    decoder = MediaDecoder(inputs, {"visual": transform, "audio": encoder.preparation()}, workers)
    heard, seen = (decoder.read(shard, 0, field, None) for field in ("flac", "png"))
    assert (heard.kind, heard.modality, heard.arrays.shape) == ("audio", "audio", (1, 99, 8))
    assert (seen.kind, seen.modality, seen.arrays.shape) == ("image", "visual", (1, 3, 16, 16))
    assert decoder.read(shard, 0, "flac", Span(0.1, 0.2)).arrays.shape == (1, 9, 8)


def test_a_medium_without_an_encoder_is_bad(shard, inputs, transform, workers):
    decoder = MediaDecoder(inputs, {"visual": transform}, workers)
    told = "no encoder reads it: field flac; its modality is audio; the encoders here read: visual"
    for reader in (decoder, MediaByModality({"visual": decoder}, inputs)):
        with pytest.raises(BadSample, match=told):
            reader.read(shard, 0, "flac", None)
        with pytest.raises(BadSample, match="no input reads it"):
            reader.read(shard, 0, "txt", None)


def test_an_encoder_that_wants_what_no_input_makes_is_refused(inputs, transform, workers):
    told = r"the audio encoder wants Transform, and the input of audios \(wav, flac\) makes LogMel alone"
    with pytest.raises(MultigraftError, match=told):
        MediaDecoder(inputs, {"audio": transform}, workers)


TASTING = '''
import numpy as np
from multigraft import Input, LogMel, Media

class Tasting(Input):
    """Its bytes as float32 times the bands, in a process of its own."""
    kind, modality, prepares, extensions, isolated = "taste", "taste", LogMel, ("bin",), True

    def decode(self, data, preparation, span):
        values = np.frombuffer(data, np.float32).reshape(2, -1) * preparation.bands
        return Media(self.kind, self.modality, values, np.array([0, 1], np.float32))

    def fingerprint(self):
        return "tasting"
'''


def test_what_another_process_makes_keeps_its_type_and_modality(workers, tmp_path, monkeypatch):
    (tmp_path / "tasting_input.py").write_text(TASTING)
    monkeypatch.syspath_prepend(tmp_path)
    tasting = importlib.import_module("tasting_input").Tasting()
    decoder = MediaDecoder([tasting], {"taste": LogMel(bands=2)}, workers)
    given = np.arange(6, dtype=np.float32)
    try:
        media = decoder.decode("bin", given.tobytes(), None, "here")
    finally:
        decoder.close()
    assert (media.kind, media.modality, media.arrays.dtype) == ("taste", "taste", np.float32)
    assert media.arrays.tolist() == (given.reshape(2, 3) * 2).tolist()


def test_stored_features_are_those_of_a_clip_alone(shard, inputs, encoder, open_task, workers, tmp_path):
    (hearing,) = (each for each in inputs if each.modality == "audio")
    home = encode_features([open_task("sounds")], encoder, [hearing], workers, tmp_path / "features").home
    store = FeatureStore(home, feature_fingerprint(encoder, [hearing]), [hearing])
    decoder = MediaDecoder(inputs, {"audio": encoder.preparation()}, workers)
    for sample in range(3):
        for span in (None, Span(0.1, 0.2)):
            decoded, stored = (reader.read(shard, sample, "flac", span) for reader in (decoder, store))
            with torch.no_grad():
                alone = encoder.encode(torch.from_numpy(decoded.arrays), None, NoGraft()).states
            found = torch.from_numpy(np.array(stored.features)).view(torch.bfloat16)
            assert (stored.modality, stored.arrays, stored.times.tolist()) == ("audio", None, decoded.times.tolist())
            assert found.shape == alone.shape
            assert torch.allclose(found.float(), alone, atol=0.02)


def test_the_fingerprint_of_a_modality_counts_its_own_inputs_alone(inputs, encoder):
    (seeing, hearing) = inputs
    assert feature_fingerprint(encoder, [hearing]) == f"{encoder.fingerprint()} | {hearing.fingerprint()}"
    assert seeing.fingerprint() not in feature_fingerprint(encoder, [hearing])


def test_items_of_one_length_need_no_mask():
    items, mask = padded([np.ones((1, 3, 2), np.float32), np.zeros((2, 3, 2), np.float32)])
    assert mask is None
    assert items[:, 0, 0].tolist() == [1, 0, 0]


def test_shorter_items_are_filled_up():
    items, mask = padded([np.ones((2, 1, 2), np.uint8), np.full((1, 3, 2), 7, np.uint8)])
    assert mask.tolist() == [[True, False, False], [True, False, False], [True, True, True]]
    assert items[..., 0].tolist() == [[1, 0, 0], [1, 0, 0], [7, 7, 7]]
    assert items.dtype == torch.uint8
