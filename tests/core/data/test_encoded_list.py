"""What is encoded is listed beside the features, and nothing that the list vouches for is read again."""

import json
import os

import pytest
import torch

from multigraft.core.data import open_file
from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.data.encoded_list import LIST, EncodedList, Entry, Selection, identity_of
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.open_shards import OpenShards
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import open_source
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.task import Task
from multigraft.core.options.options import TaskOptions
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.sample import TextPair
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import ImageOptions


class MeanEncoder(VisualEncoder):
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
        return "mean"


class AnyTask(Task):
    def example(self, annotation, draw):
        return TextPair(annotation.text, "")


@pytest.fixture
def start(tmp_path, transform):
    """Start as a training does, over the shards in the test's folder: media encoded, and bytes read from shards and
    features meanwhile (shards are opened before)."""

    def run(*tasks, inputs=None, thorough=True):
        shards, log = OpenShards(), SkippedLog(None, 1.0)
        options = TaskOptions(kind="any", data={"train": ["a-*.tar"]})
        sources = [open_source(name, AnyTask(), options, "train", tmp_path, log, shards) for name in tasks]
        encoder, inputs = MeanEncoder(transform), inputs or [build_image(ImageOptions(kind="image"))]
        read, os_pread = [], os.pread
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(open_file.os, "pread", lambda *place: read.append(place) or os_pread(*place))
            run.stored = encode_features(
                sources, encoder, inputs, DecodeWorkers(), tmp_path / "features", thorough=thorough
            )
        run.store = FeatureStore(run.stored.home, feature_fingerprint(encoder, inputs), inputs)
        run.shards = sources[0].opened
        return encoder.seen, len(read)

    return run


@pytest.fixture
def six(pack, picture_file):
    """Six pictures in two shards; `vqa` asks about all, `captions` about two further pictures of the first sample."""
    samples = []
    for number in range(6):
        notes = [Annotation(id=f"v{number}", task="vqa", text="?", media=("png",))]
        media = {"png": picture_file((10 * number, 0, 0))}
        if number == 0:
            notes.append(Annotation(id="c", task="captions", text="?", media=("0.png", "1.webp")))
            media |= {"0.png": picture_file((90, 0, 0)), "1.webp": picture_file((99, 0, 0), form="WEBP")}
        samples.append((f"k{number}", notes, media))
    return pack(samples, per_shard=3)


def test_a_start_after_a_complete_one_reads_nothing(six, start):
    assert start("vqa")[0] == 6
    assert start("vqa") == (0, 0)
    assert start("vqa", thorough=False) == (0, 0)


def test_without_the_list_everything_is_looked_at_and_listed_again(six, start):
    start("vqa")
    path = start.stored.home / LIST
    listed = path.read_bytes()
    path.unlink()
    seen, read = start("vqa")
    assert (seen, read > 12) == (0, True), "an annotation and a feature each, at least"
    assert path.read_bytes() == listed
    assert start("vqa") == (0, 0)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 2, "shards": {}}', '{"version": 1, "shards": {"a": 3}}'])
def test_a_damaged_list_is_told_and_made_again(six, start, text, capsys):
    start("vqa")
    path = start.stored.home / LIST
    listed = path.read_bytes()
    path.write_text(text)
    assert start("vqa")[0] == 0
    assert f"{path} cannot be read or is damaged" in capsys.readouterr().err
    assert path.read_bytes() == listed


def test_another_task_over_the_same_shards_is_looked_at_once(six, start):
    start("vqa")
    assert start("captions")[0] == 2
    assert start("captions") == (0, 0)
    seen, read = start("vqa")
    assert (seen, read > 0) == (0, True), "its features were written anew"
    assert start("vqa", "captions") == (0, 0)


def test_other_sources_of_a_task_are_another_selection():
    of_two = Selection(frozenset({("vqa", "a"), ("vqa", "b")}), frozenset({"png", "jpg"}))
    entry = Entry(None, 0, {}, (of_two,))
    assert entry.holds(Selection(frozenset({("vqa", "a")}), frozenset({"png"})))
    assert not entry.holds(Selection(frozenset({("vqa", "a"), ("vqa", "")}), frozenset({"png"})))
    assert not entry.holds(Selection(frozenset({("vqa", "a")}), frozenset({"png", "mp4"})))
    more = entry.with_complete([Selection(frozenset({("vqa", "")}), frozenset({"png"}))])
    assert more.holds(Selection(frozenset({("vqa", "a"), ("vqa", "")}), frozenset({"png"})))
    assert not more.holds(Selection(frozenset({("vqa", "a"), ("vqa", "")}), frozenset({"jpg"})))


def test_other_endings_are_looked_for(six, start):
    """An input that reads more, and has the same fingerprint as before."""
    pictures = build_image(ImageOptions(kind="image"))
    pictures.extensions = ("png",)
    assert start("captions", inputs=[pictures])[0] == 1
    assert start("captions", inputs=[pictures]) == (0, 0)
    pictures.extensions = ("png", "webp")
    assert start("captions", inputs=[pictures])[0] == 1
    pictures.extensions = ("webp",)
    assert start("captions", inputs=[pictures]) == (0, 0)


def test_a_shard_with_nothing_to_encode_is_listed_too(pack, start):
    pack([("k", [Annotation(id="1", task="vqa", text="?")], {})])
    assert start("vqa")[0] == 0
    assert start("vqa") == (0, 0)
    assert not list(start.stored.home.glob("*.tar"))


def test_features_that_were_replaced_by_others_are_looked_at(six, start, capsys):
    start("vqa")
    first, second = sorted(start.stored.home.glob("*.tar"))
    second.write_bytes(first.read_bytes())
    assert start("vqa")[0] == 3
    assert f"the stored features {second} are damaged, and made again" in capsys.readouterr().err
    assert start("vqa") == (0, 0)


def test_features_that_are_gone_are_made_again(six, start):
    start("vqa")
    first, _ = sorted(start.stored.home.glob("*.tar"))
    first.unlink()
    assert start("vqa")[0] == 3


def damage_unnoticed(path):
    """Change a byte of the last file as a disk does, unseen by times and sizes: the list is made to agree."""
    data = bytearray(path.read_bytes())
    end = len(data.rstrip(b"\0"))
    data[end - 2] ^= 255
    path.write_bytes(data)
    os.utime(path, ns=(10**18, 10**18))
    listed = path.parent / LIST
    written = json.loads(listed.read_text())
    written["shards"][path.name]["file"] = identity_of(path)
    listed.write_text(json.dumps(written))


def test_damage_that_is_met_while_reading_is_told_and_made_again_by_the_next_start(six, start, capsys):
    start("vqa")
    first, _ = sorted(start.stored.home.glob("*.tar"))
    damage_unnoticed(first)
    assert start("vqa") == (0, 0)
    with pytest.raises(MultigraftError, match=r"are damaged.*start again, and what is damaged is encoded again"):
        start.store.read(start.shards[0], 2, "png", None)
    assert start("vqa")[0] == 1
    assert f"the stored features {first} are damaged, and made again" in capsys.readouterr().err
    assert start("vqa") == (0, 0)
    start.store.read(start.shards[0], 2, "png", None)


def test_the_list_says_how_much_is_bad_and_why(pack, start, picture_file):
    pack([(f"k{n}", [Annotation(id=str(n), task="vqa", text="?", media=("png",))], {"png": b"no"}) for n in range(3)])
    pack([("k", [Annotation(id="1", task="vqa", text="?", media=("png",))], {"png": picture_file()})], prefix="a-good")
    start("vqa")
    assert (start.stored.shards, start.stored.media, start.stored.made) == (2, 4, 4)
    for _ in range(2):
        start("vqa")
        assert (start.stored.shards, start.stored.media, start.stored.made) == (2, 4, 0)
        assert start.stored.bad == {"not an image": 3}
        (start.stored.home / LIST).unlink(missing_ok=True)


def test_a_list_that_cannot_be_saved_is_told(six, start, capsys):
    start("vqa")
    home = start.stored.home
    (home / LIST).unlink()
    (home / LIST).mkdir()
    assert start("vqa")[0] == 0
    assert "the next start will look through these features again" in capsys.readouterr().err


def test_two_writers_lose_nothing_of_each_other(tmp_path):
    wanted = Selection(frozenset({("vqa", "")}), frozenset({"png"}))
    for name in ("a.tar", "b.tar"):
        (tmp_path / name).write_bytes(b"features")
    one, other = EncodedList(tmp_path, print), EncodedList(tmp_path, print)
    for listed, name in ((one, "a.tar"), (other, "b.tar")):
        listed.note(tmp_path / name, Entry(identity_of(tmp_path / name), 1, {}, (wanted,)))
        listed.save()
    both = EncodedList(tmp_path, print)
    assert both.entry(tmp_path / "a.tar", wanted)
    assert both.entry(tmp_path / "b.tar", wanted)


def test_so_seldom_is_it_written_that_many_shards_cost_a_few_times_its_size(tmp_path):
    listed, written = EncodedList(tmp_path, print), 0
    for number in range(1000):
        listed.note(tmp_path / f"{number}.tar", Entry(None, 0, {}, ()))
        if listed.is_due:
            listed.save()
            written += number + 1
    assert written < 20 * 1000
