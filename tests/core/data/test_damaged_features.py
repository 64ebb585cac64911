"""Stored features that are damaged are named and made again; an encoding that is killed goes on where it stopped."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import zlib
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multigraft.core.data.encoded_list import LIST
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.indexing import store_index
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import Span
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import ImageOptions

ENCODE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.options.options import TaskOptions
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import open_source
from multigraft.core.types.transform import Transform
from test_damaged_features import BrightnessEncoder
from conftest import EchoTask
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions

folder = Path(sys.argv[1])
options = TaskOptions(kind="echo", data={"train": ["a-000000.tar"]})
source = open_source("vqa", EchoTask(), options, "train", folder, SkippedLog(None, 1.0))
encoder = BrightnessEncoder(Transform(16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))

def progress(done, total):
    print(done, total, flush=True)
    if done == int(sys.argv[3]):
        sys.stdin.readline()

inputs = [build(ImageOptions(kind="image"))]
encode_features([source], encoder, inputs, DecodeWorkers(), folder / "features", progress)
"""


class BrightnessEncoder(VisualEncoder):
    """One token a picture, its mean colour; notes how many pictures it was given."""

    def __init__(self, transform):
        super().__init__()
        self.transform, self.width, self.tokens = transform, 3, 1
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.seen = 0

    def forward(self, pixels, intercept):
        self.seen += len(pixels)
        return pixels.float().flatten(2).mean(2)[:, None] * self.scale

    def fingerprint(self):
        return "brightness"


@pytest.fixture
def stored(pack, open_task, transform, workers, tmp_path, picture_file):
    """Features of ten pictures of different reds; `encode` makes what is missing, `red` reads one."""

    def question(number):
        return Annotation(id=str(number), task="vqa", text="?", media=("png",))

    (shard,) = pack([(f"k{n}", [question(n)], {"png": picture_file((10 * n, 0, 0))}) for n in range(10)], per_shard=10)
    encoder, inputs, source = BrightnessEncoder(transform), [build_image(ImageOptions(kind="image"))], open_task("vqa")

    def encode():
        encoder.seen = 0
        home = encode_features([source], encoder, inputs, workers, tmp_path / "features").home
        return home, encoder.seen

    def red(number):
        store = FeatureStore(encode.home, feature_fingerprint(encoder, inputs), inputs)
        bits = np.array(store.read(open_shard(shard), number, "png", None).features)
        return torch.from_numpy(bits).view(torch.bfloat16)[0, 0, 0].item()

    encode.home, seen = encode()
    assert seen == 10
    (path,) = encode.home.glob("*.tar")
    return SimpleNamespace(path=path, home=encode.home, encode=encode, red=red, shard=shard)


def flip(path, place, bit=1):
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


def place_of(path, number):
    """Where the bytes of a file in a tar begin and end."""
    with tarfile.open(path) as tar:
        member = tar.getmembers()[number]
        return member.offset_data, member.offset_data + member.size


def test_a_flipped_bit_costs_one_medium_and_is_named(stored, capsys):
    _, stop = place_of(stored.path, 3)
    whole = stored.path.read_bytes()
    flip(stored.path, stop - 5)
    store_index(stored.path)
    with pytest.raises(
        MultigraftError, match=r"stored features .*\.tar are damaged: 00000003\..* has another checksum.*; start again"
    ):
        stored.red(3)
    assert stored.red(4) == 40
    assert stored.encode() == (stored.home, 1)
    assert f"the stored features {stored.path} are damaged, and made again: 00000003." in capsys.readouterr().err
    assert stored.path.read_bytes() == whole
    assert stored.encode() == (stored.home, 0)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\0" * 2048, b"rubbish" * 1000])
def test_a_shard_of_rubbish_is_made_again(stored, damage, capsys):
    whole = stored.path.read_bytes()
    stored.path.write_bytes(damage)
    with pytest.raises(MultigraftError, match=r"damaged|has no features of k3\.png"):
        stored.red(3)
    assert stored.encode() == (stored.home, 10)
    assert stored.path.read_bytes() == whole


def test_a_shard_that_was_cut_keeps_what_is_before_the_cut(stored, capsys):
    whole = stored.path.read_bytes()
    start, _ = place_of(stored.path, 6)
    os.truncate(stored.path, start + 10)
    assert stored.red(5) == 50
    with pytest.raises(MultigraftError, match=r"damaged: 00000006.* should have"):
        stored.red(6)
    assert stored.encode() == (stored.home, 4)
    assert "are damaged, and made again" in capsys.readouterr().err
    assert stored.path.read_bytes() == whole


def test_features_of_another_shard_under_this_name_are_not_taken(stored, capsys):
    """Whole files, but of other samples: those of the first two are exchanged."""
    with tarfile.open(stored.path) as tar:
        files = [(member, tar.extractfile(member).read()) for member in tar.getmembers()]
    (first, _), (second, _) = files[:2]
    first.name, second.name = second.name[:8] + first.name[8:], first.name[:8] + second.name[8:]
    with tarfile.open(stored.path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in files:
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(MultigraftError, match="is of another shard, encoder or version"):
        stored.red(0)
    assert stored.encode() == (stored.home, 2)
    assert [stored.red(number) for number in range(3)] == [0, 10, 20]


TENSORS = {
    "tokens": {"dtype": "BF16", "shape": [1, 1, 3], "data_offsets": [0, 6]},
    "times": {"dtype": "F32", "shape": [1], "data_offsets": [6, 10]},
}


def put(path, facts, tensors):
    """The file of the first medium with another header and ten bytes of values, under a name with its checksum."""
    with tarfile.open(path) as tar:
        files = [(member, tar.extractfile(member).read()) for member in tar.getmembers()]
    member, data = files[0]
    known = json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["multigraft"])
    text = json.dumps({"__metadata__": {"multigraft": json.dumps(known | facts)}, **tensors}).encode()
    data = len(text).to_bytes(8, "little") + text + bytes(10)
    member.name, member.size = f"{member.name.partition('-')[0]}-{zlib.crc32(data):08x}.safetensors", len(data)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for each, content in [(member, data), *files[1:]]:
            tar.addfile(each, io.BytesIO(content))


@pytest.mark.parametrize(
    ("tensor", "change"),
    [
        ("tokens", {"shape": [1, 3]}), ("tokens", {"shape": [-1, 1, 3]}), ("tokens", {"shape": [0, 1, 3]}),
        ("tokens", {"shape": [2, 1, 3], "data_offsets": [0, 12]}), ("tokens", {"shape": [2**64, 2**64, 1]}),
        ("tokens", {"shape": [1, 1, 3.0]}), ("tokens", {"data_offsets": []}), ("tokens", {"data_offsets": [4, 10, 6]}),
        ("tokens", {"data_offsets": [-6, 0]}), ("tokens", {"data_offsets": [6, 12]}), ("tokens", {"dtype": "F32"}),
        ("tokens", {"dtype": []}), ("times", {"shape": [1, 1]}), ("times", {"dtype": "BF16", "data_offsets": [6, 8]}),
        ("times", {"shape": [2], "data_offsets": [2, 10]}), ("times", {"shape": None}),
    ],
)  # fmt: skip
def test_tensors_of_another_form_are_made_again_though_the_checksum_is_right(stored, tensor, change):
    put(stored.path, {}, TENSORS)
    assert stored.red(0) == 0
    put(stored.path, {}, TENSORS | {tensor: TENSORS[tensor] | change})
    with pytest.raises(MultigraftError, match=r"are damaged: sample 0: .*; start again"):
        stored.red(0)
    assert stored.encode() == (stored.home, 1)


def test_what_is_said_of_a_bad_medium_can_be_stored_and_shown(stored):
    put(stored.path, {"bad": ["broken image", "\ud800\x1b[2J"]}, {})
    with pytest.raises(BadSample, match=r"^broken image: \\ud800\\x1b\[2J$"):
        stored.red(0)
    assert stored.encode() == (stored.home, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": 3}', '{"fingerprint": "brightnesz | image/1"}'])
def test_a_damaged_fingerprint_is_written_anew(stored, text, capsys):
    path = stored.home / "fingerprint.json"
    before = path.read_text()
    path.write_text(text)
    assert stored.encode() == (stored.home, 0)
    assert capsys.readouterr().err == f"{path} is damaged, and made again\n"
    assert path.read_text() == before
    assert stored.red(7) == 70


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_bytes_change_the_features_are_right_or_made_again(stored, data):
    whole = stored.path.read_bytes()
    store_index(stored.path)
    index = stored.path.with_name(f"{stored.path.name}.index")
    target = data.draw(st.sampled_from([stored.path, index]))
    content = bytearray(target.read_bytes())
    ends = [place_of(stored.path, number)[1] for number in range(10)] if target == stored.path else [len(content)]
    for end, back in data.draw(st.lists(st.tuples(st.sampled_from(ends), st.integers(1, 600)), max_size=20)):
        content[max(end - back, 0)] ^= data.draw(st.integers(1, 255))
    target.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    for number in range(10):
        with suppress(MultigraftError):
            assert stored.red(number) == pytest.approx(10 * number, rel=0.01)
    stored.encode()
    assert [stored.red(number) for number in range(10)] == [pytest.approx(10 * n, rel=0.01) for n in range(10)]
    with tarfile.open(stored.path) as tar:
        assert len(tar.getmembers()) == 10
    stored.path.write_bytes(whole)


READ = """
import os, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.transform import Transform
from test_damaged_features import BrightnessEncoder
from multigraft.plugins.inputs.image import build
from multigraft.plugins.inputs.options import ImageOptions

shard, home = open_shard(Path(sys.argv[1])), Path(sys.argv[2])
inputs = [build(ImageOptions(kind="image"))]
encoder = BrightnessEncoder(Transform(16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
store = FeatureStore(home, feature_fingerprint(encoder, inputs), inputs)
media = store.read(shard, 0, "png", None)
os.truncate(next(home.glob("*.tar")), 600)
os.truncate(shard.path, 600)
print(media.features.shape)
for read in (lambda: store.read(shard, 9, "png", None), lambda: shard.read(9, "png")):
    try:
        read()
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_shard_and_its_features_are_cut_while_they_are_read(stored):
    words = [sys.executable, "-c", READ, stored.shard, stored.home, os.path.dirname(__file__)]
    outcome = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    first, second, third = outcome.stdout.splitlines()
    assert first == "(1, 1, 3)"
    assert second.startswith(f"DamagedFeaturesError the stored features {stored.path} are damaged: 00000000.")
    assert third.startswith("MultigraftError the shard ")
    assert third.endswith("was changed while it was being read")


def test_fields_with_any_sign_and_keys_in_folders(tmp_path, open_task, transform, workers, picture_file):
    """Names that once could not be told from a stretch of a video, or from a tensor of times."""
    fields = ["png", "a@b.png", "a@0.5,1.png", "png@0.5,1.0.png", "x#times.png", "__metadata__.png"]
    with tarfile.open(tmp_path / "a-0.tar", "w") as tar:
        for key in ("folder/key", "k2"):
            rows = [{"id": f"{key}{n}", "task": "vqa", "text": "?", "media": [name]} for n, name in enumerate(fields)]
            files = {"json": json.dumps({"id": key, "annotations": rows}).encode()}
            files |= {name: picture_file((10 * n, 0, 0)) for n, name in enumerate(fields)}
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{key}.{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    encoder, inputs = BrightnessEncoder(transform), [build_image(ImageOptions(kind="image"))]
    for seen in (12, 12):
        home = encode_features([open_task("vqa")], encoder, inputs, workers, tmp_path / "features").home
        assert encoder.seen == seen
    store, shard = FeatureStore(home, feature_fingerprint(encoder, inputs), inputs), open_shard(tmp_path / "a-0.tar")
    for sample in (0, 1):
        for number, name in enumerate(fields):
            bits = torch.from_numpy(np.array(store.read(shard, sample, name, None).features))
            assert bits.view(torch.bfloat16)[0, 0, 0].item() == pytest.approx(10 * number, rel=0.01)
    with pytest.raises(MultigraftError, match="has no features of folder/key"):
        store.read(shard, 0, "png", Span(0.5, 1.0))


@pytest.fixture
def encode_in_a_process(tmp_path):
    """Start an encoding in a process of its own, which waits after so many media."""

    def start(wait_at):
        words = [sys.executable, "-c", ENCODE, tmp_path, os.path.dirname(__file__), wait_at]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(list(map(str, words)), text=True, **pipes)

    return start


def test_a_killed_encoding_goes_on_where_it_stopped(
    encode_in_a_process, open_task, pack, picture_file, workers, tmp_path, transform
):
    def question(number):
        return Annotation(id=str(number), task="vqa", text="?", media=("png",))

    pack([(f"k{n:03d}", [question(n)], {"png": picture_file((n, 0, 0))}) for n in range(200)], per_shard=200)
    killed = encode_in_a_process(150)
    while killed.stdout.readline() != "150 200\n":
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (home,) = (tmp_path / "features").iterdir()
    assert {path.name for path in home.glob(".*")} == {
        ".lock", ".lock.json", next(home.glob(".*.pieces")).name, next(home.glob(".*.tar.lock")).name
    }  # fmt: skip
    assert not (home / LIST).exists()

    other, encoder = encode_in_a_process(0), BrightnessEncoder(transform)
    inputs = [build_image(ImageOptions(kind="image"))]
    encode_features([open_task("vqa")], encoder, inputs, workers, tmp_path / "features")
    out, err = other.communicate()
    assert other.returncode == 0, err
    assert encoder.seen + len(out.splitlines()) == 72, "of 200 media, 128 were stored in two pieces"
    assert not list(home.glob(".*"))
    assert (home / LIST).is_file()
    (path,) = home.glob("*.tar")
    with tarfile.open(path) as tar:
        assert len(tar.getmembers()) == 200
