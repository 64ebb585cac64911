import json
from itertools import chain

import numpy as np
import pytest
import torch

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.shard import open_shard
from multigraft.core.data.shard_summary import summarize
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.registry.inputs import build_input
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import Span
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import ImageOptions, VideoOptions


class PixelEncoder(VisualEncoder):
    """Its tokens are the pixels, so that features can be told from each other; counts the pictures it was given."""

    def __init__(self, transform, name="pixels"):
        super().__init__()
        self.transform, self.name, self.width, self.tokens = transform, name, 3, transform.size**2
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.passes = []

    def forward(self, pixels, intercept):
        self.passes.append(len(pixels))
        return pixels.float().flatten(2).transpose(1, 2) * self.scale

    def fingerprint(self):
        return self.name


@pytest.fixture
def inputs():
    return [
        build_image(ImageOptions(kind="image")),
        build_input(default_registry(), VideoOptions(kind="video", frames=3)),
    ]


@pytest.fixture
def encoder(transform):
    return PixelEncoder(transform)


@pytest.fixture
def samples(picture_file, clip_file):
    def note(key, task, *media, span=None):
        return Annotation(id=f"{task}-{key}", task=task, text="?", media=media, span=span)

    pictures = [(f"p{n}", [note(f"p{n}", "vqa", "png")], {"png": picture_file((n, 0, 0))}) for n in range(6)]
    clip = [note("c", "clips", "mp4"), note("cs", "clips", "mp4", span=(0.2, 0.3)), note("cp", "vqa", "0.png", "1.png")]
    media = {"mp4": clip_file(12), "0.png": picture_file((90, 0, 0)), "1.png": picture_file((99, 0, 0))}
    return [*pictures, ("c", clip, media), ("bad", [note("bad", "vqa", "png")], {"png": b"no"})]


@pytest.fixture
def encode(encoder, inputs, workers, tmp_path):
    def run(*sources, encoder=encoder, progress=lambda done, total: None):
        return encode_features(sources, encoder, inputs, workers, tmp_path / "features", progress).home

    return run


def as_pixels(media):
    tokens = torch.from_numpy(np.array(media.features)).view(torch.bfloat16).float()
    return tokens.transpose(1, 2).reshape(-1, 3, 16, 16).numpy()


def test_the_stream_gives_the_same_samples_from_features(
    samples, pack, open_task, make_stream, encode, encoder, inputs, transform, workers
):
    pack(samples)
    sources = [open_task("vqa"), open_task("clips")]
    store = FeatureStore(encode(*sources), feature_fingerprint(encoder, inputs), inputs)
    decoder = MediaDecoder(inputs, {"visual": transform}, workers)
    logs = SkippedLog(None, 1.0), SkippedLog(None, 1.0)
    decoded = list(make_stream(sources, media=decoder, log=logs[0]).batches(0, 6))
    stored = list(make_stream(sources, media=store, log=logs[1]).batches(0, 6))
    decoder.close()
    for one, other in zip(chain(*decoded), chain(*stored), strict=True):
        assert (one.annotation, one.example, one.origin) == (other.annotation, other.example, other.origin)
        for pixels, features in zip(one.media, other.media, strict=True):
            assert (features.kind, features.arrays) == (pixels.kind, None)
            assert features.times.tolist() == pixels.times.tolist()
            assert np.abs(as_pixels(features) - pixels.arrays).max() <= 0.5
    assert logs[0].listed == logs[1].listed
    assert [entry.reason for entry in logs[1].listed] == ["not an image"]


def test_each_medium_is_encoded_once_and_never_again(samples, pack, open_task, encode, encoder):
    pack(samples)
    seen = []
    sources = [open_task("vqa"), open_task("clips")]
    encode(*sources, progress=lambda done, total: seen.append((done, total)))
    assert sum(encoder.passes) == 6 + 2 + 3 + 3
    assert seen == [(number, 11) for number in range(1, 12)]
    encode(*sources)
    assert sum(encoder.passes) == 14


def test_pictures_of_several_samples_go_through_together(pack, open_task, encode, encoder, picture_file):
    notes = [Annotation(id="1", task="vqa", text="?", media=("png",))]
    pack([(f"k{number}", notes, {"png": picture_file()}) for number in range(100)], per_shard=100)
    encode(open_task("vqa"))
    assert encoder.passes == [16] * 6 + [4]


def test_a_run_that_was_stopped_goes_on_shard_by_shard(samples, pack, open_task, encode, encoder):
    pack(samples)
    source = open_task("vqa")

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(source, progress=stop)
    home = encode(source)
    assert sorted(path.name[:8] for path in home.glob("*.tar")) == ["a-000000", "a-000001"]
    first = {path.name: path.read_bytes() for path in home.glob("*.tar")}
    for path in home.glob("*.tar"):
        path.unlink()
    encode(source)
    assert {path.name: path.read_bytes() for path in home.glob("*.tar")} == first
    assert not list(home.glob(".*"))


def test_another_task_over_the_same_shards_adds_what_is_missing(samples, pack, open_task, encode, encoder, inputs):
    (_, shard) = pack(samples)
    encode(open_task("clips"))
    home = encode(open_task("vqa"))
    encode(open_task("clips"))
    store = FeatureStore(home, feature_fingerprint(encoder, inputs), inputs)
    sample = open_shard(shard).index.numbers["c"]
    assert store.read(open_shard(shard), sample, "mp4", None).features.shape == (3, 256, 3)
    assert store.read(open_shard(shard), sample, "mp4", Span(0.2, 0.3)).times.min() >= 0.2
    assert as_pixels(store.read(open_shard(shard), sample, "1.png", None)).max() == 99


def test_features_are_not_copied_once_they_are_read(samples, pack, open_task, encode, encoder, inputs):
    (shard, _) = pack(samples)
    store = FeatureStore(encode(open_task("vqa")), feature_fingerprint(encoder, inputs), inputs)
    features = store.read(open_shard(shard), 0, "png", None).features
    assert features.dtype == np.uint16
    assert not features.flags.owndata
    assert not features.flags.writeable


def test_another_encoder_is_refused_with_both_names(samples, pack, open_task, encode, inputs, tmp_path):
    pack(samples)
    home = encode(open_task("vqa"))
    with pytest.raises(MultigraftError, match=r"(?s)stored: pixels \| image/\d .*recipe: other \| "):
        FeatureStore(home, "other | image/1", inputs)
    with pytest.raises(MultigraftError, match="holds no stored features"):
        FeatureStore(tmp_path / "none", "other", inputs)


def test_encoders_have_folders_of_their_own(samples, pack, open_task, encode, encoder, transform):
    pack(samples)
    homes = {encode(open_task("vqa")), encode(open_task("vqa"), encoder=PixelEncoder(transform, "other"))}
    prints = {json.loads((home / "fingerprint.json").read_text())["fingerprint"] for home in homes}
    assert len(homes) == len(prints) == 2


def test_features_of_a_shard_that_changed_are_not_used(samples, pack, open_task, encode, encoder, inputs, picture_file):
    pack(samples)
    store = FeatureStore(encode(open_task("vqa")), feature_fingerprint(encoder, inputs), inputs)
    samples[0] = (samples[0][0], samples[0][1], {"png": picture_file((77, 0, 0))})
    (shard, _) = pack(samples)
    with pytest.raises(MultigraftError, match=r"no stored features of .*a-000000\.tar"):
        store.read(open_shard(shard), 0, "png", None)


def test_a_feature_shard_says_what_it_is(samples, pack, open_task, encode):
    pack(samples)
    for path in encode(open_task("vqa"), open_task("clips")).glob("*.tar"):
        found = summarize(path)
        assert (found["kind"], found["problems"]) == ("shard of stored features", [])
