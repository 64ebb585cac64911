import json

import pytest
from click.testing import CliRunner

from multigraft.core.cli.data_inspect import inspect
from multigraft.core.data.annotation import Annotation, Record
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError


@pytest.fixture
def shard(tmp_path):
    with ShardWriter(tmp_path, "a") as writer:
        for number in range(4):
            note = Annotation(id=f"q{number}", task="vqa", type="colour", text="which [red] colour?", media=("jpg",))
            writer.write(
                f"k{number}", Record(id=f"k{number}", source="made", annotations=(note,)), {"jpg": b"x" * 2000}
            )
    return tmp_path / "a-000000.tar"


def test_json_tells_all(shard):
    found = json.loads(CliRunner().invoke(inspect, [str(shard), "--json"]).stdout)
    assert (found["samples"], found["problems"]) == (4, [])
    assert found["fields"][1] == {"field": "jpg", "files": 4, "bytes": 8000, "smallest": 2000, "largest": 2000}
    assert found["annotations"] == [{"task": "vqa", "source": "made", "type": "colour", "annotations": 4}]
    assert [record["key"] for record in found["records"]] == ["k0", "k1", "k2"]
    assert found["records"][0]["annotation"]["text"] == "which [red] colour?"


def test_the_table_is_for_people(shard):
    shown = CliRunner().invoke(inspect, [str(shard)]).stdout
    for piece in ("4 samples", "jpg", "8,000", "colour", "which [red] colour?"):
        assert piece in shown


def test_a_cut_shard_shows_its_problem(shard):
    shard.write_bytes(shard.read_bytes()[:12_000])
    found = json.loads(CliRunner().invoke(inspect, [str(shard), "--json"]).stdout)
    assert found["samples"] == 3
    assert [(problem["key"], problem["reason"]) for problem in found["problems"]] == [("k3", "cut tar")]
    assert "cut tar" in CliRunner().invoke(inspect, [str(shard)]).stdout


def test_a_missing_shard_is_an_error(tmp_path):
    result = CliRunner().invoke(inspect, [str(tmp_path / "none.tar")])
    assert isinstance(result.exception, MultigraftError)


def test_help_has_an_example():
    assert "Example: multigraft data inspect" in CliRunner().invoke(inspect, ["--help"]).stdout
