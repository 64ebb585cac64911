"""A recipe whose shards lie elsewhere."""

import pytest
import torch
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.data.encoding import encode_features
from multigraft.core.data.features import FeatureStore, feature_fingerprint
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import default_registry
from multigraft.core.run.run_data import RunData
from multigraft.core.types.annotation import Annotation, Record
from multigraft.core.types.rank import Rank
from multigraft.core.types.transform import Transform

RECIPE = """\
trunk: {{backbone: sapling}}
tasks:
  vqa: {{kind: visual-question-answering, data: ["file://{folder}/a-{{000000..000002}}.tar", local.tar]}}
train: {{batch: 4, steps: 2}}
data: {{root: {root}, cache: {{folder: {root}/cache, gigabytes: 0.5}}}}
"""


class MeanEncoder(VisualEncoder):
    """One token a picture: its mean colour."""

    width, tokens = 3, 1
    transform = Transform(8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, pixels, intercept):
        return pixels.float().mean((2, 3))[:, None] * self.scale

    def fingerprint(self):
        return "mean"


@pytest.fixture
def folder(tmp_path, picture_file):
    """Three shards elsewhere and one here, of three questions each."""
    for prefix, place, start in (("a", tmp_path / "far", 0), ("b", tmp_path / "far", 9)):
        with ShardWriter(place, prefix, 3) as writer:
            for number in range(start, start + (9 if prefix == "a" else 3)):
                answers = [{"text": "red"}]
                note = Annotation(id=f"q{number}", task="vqa", text="?", answers=answers, media=("png",))
                data = picture_file((number, 0, 0))
                writer.write(f"k{number}", Record(id=f"k{number}", annotations=(note,)), {"png": data})
    (tmp_path / "far/b-000000.tar").rename(tmp_path / "local.tar")
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(folder=tmp_path / "far", root=tmp_path))
    return tmp_path


@pytest.fixture
def data(folder):
    registry = default_registry()
    run = RunData(load_recipe(folder / "recipe.yaml", registry=registry), registry, {}, SkippedLog(None, 1.0))
    yield run
    run.close()


def copies(folder):
    return len(list(folder.glob("cache/*/*.tar")))


def test_a_run_is_opened_by_the_indices_and_draws_fetch_what_they_need(data, folder):
    source = data.source("vqa", "train")
    assert (source.size, source.counts, copies(folder)) == (12, [3, 3, 3, 3], 0)
    assert data.problem_lines(["train"]) == []
    drawn = [sample.annotation.id for batch in data.stream(Rank()).batches(0, 3) for sample in batch]
    assert sorted(drawn) == sorted(f"q{n}" for n in range(12))
    assert copies(folder) == 3


def test_features_of_shards_elsewhere_are_stored_and_read(data, folder):
    source, encoder = data.source("vqa", "train"), MeanEncoder()
    inputs = [each for each in data.inputs if each.kind == "image"]
    for _ in range(2):
        home = encode_features([source], encoder, inputs, DecodeWorkers(), folder / "features").home
    store = FeatureStore(home, feature_fingerprint(encoder, inputs), inputs)
    for number, place in enumerate(source.places()):
        shard, row = source.locate(place)
        tokens = torch.from_numpy(store.read(shard, shard.sample(row), "png", None).features.copy()).view(
            torch.bfloat16
        )
        assert tokens.flatten().tolist() == [number, 0, 0]
    assert len(list(home.glob("*.tar"))) == 4


def test_bad_samples_are_told_with_the_address(data, folder):
    path = folder / "far/a-000000.tar"
    (folder / "far/manifest.json").unlink()
    path.write_bytes(path.read_bytes().replace(b'"text":"?"', b'"text":"!"', 1))
    log = data.log
    list(data.stream(Rank()).batches(0, 3))
    assert [(each.shard, each.key, each.reason) for each in log.listed] == [(f"file://{path}", "k0", "wrong crc")]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("pipe:cat a.tar", "runs a command; `data.allow_pipes: true` allows that"),
        ("s4://bucket/a.tar", "fsspec knows no s4://"),
        ("https://host/{0..a}.tar", "is neither a range"), ("https://host/*.tar", "`*` is for local files"),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong_with_an_address(folder, pattern, message):
    overrides = ["--set", f'tasks.vqa.data=["{pattern}"]']
    outcome = CliRunner().invoke(cli, ["check", "--shape", str(folder / "recipe.yaml"), *overrides])
    assert outcome.exit_code == 2
    assert message in outcome.stderr


@pytest.mark.parametrize("pattern", ["https://host/{000..007}.tar", "pipe:cat a.tar"])
def test_check_takes_addresses_that_it_cannot_ask(folder, pattern):
    overrides = ["--set", f'tasks.vqa.data=["{pattern}"]', "--set", "data.allow_pipes=true"]
    assert CliRunner().invoke(cli, ["check", "--shape", str(folder / "recipe.yaml"), *overrides]).exit_code == 0
