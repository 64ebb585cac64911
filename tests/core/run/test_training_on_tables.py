"""A run on a table of JSON lines, one of CSV and the pictures beside them, and on the same data packed."""

import json
import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.errors import MultigraftError
from multigraft.core.library import evaluate
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.report.write import write_report
from multigraft.core.run.recipe_sources import SOURCES

PACKED = ("train=[packed/train-*.tar]", "validation=[packed/validation-*.tar]")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(folder):
    return [(row["step"], row["train/vqa/loss"]) for row in lines(folder / "metrics.jsonl") if "train/vqa/loss" in row]


def predictions(folder):
    """Rows without what says where media lie."""
    return [{**row, "media": None} for row in lines(folder / "predictions" / "vqa.jsonl")]


@pytest.fixture(scope="module")
def run(make_tables, command, tmp_path_factory):
    """The run of a process of its own."""
    made = make_tables(tmp_path_factory.mktemp("run") / "data")
    folder = made.folder.parent / "run"
    outcome = command("train", made.recipe, "--run", folder)
    assert outcome.returncode == 0, outcome.stderr
    return SimpleNamespace(folder=folder, tables=made, outcome=outcome)


def pack(run, name, columns, prefix):
    folder, options = run.tables.folder, ["--task", "visual-question-answering", "--map", columns, "--prefix", prefix]
    words = ["data", "pack", folder / name, folder / "packed", "--media", folder / "images", *options]
    packed = CliRunner().invoke(cli, list(map(str, words)))
    assert packed.exit_code == 0, packed.stderr


def test_it_is_the_run_on_the_same_data_packed_to_the_last_bit(run, training_of, tmp_path):
    pack(run, "train.jsonl", "question=text,answers=answers,image=media", "train")
    pack(run, "validation.csv", "question=text,answer=answers,image=media", "validation")
    overrides = [f"tasks.vqa.data.{each}" for each in PACKED]
    results = training_of(run.tables.recipe)(tmp_path / "packed", *overrides)
    assert losses(run.folder) == losses(tmp_path / "packed")
    assert len(losses(run.folder)) == 4
    assert predictions(run.folder) == predictions(tmp_path / "packed")
    assert results["tasks"] == json.loads((run.folder / "results.json").read_text())["tasks"]
    assert results["controls"] == json.loads((run.folder / "results.json").read_text())["controls"]


def test_its_recipe_is_read_again_and_says_the_sources_as_they_were_given(run, registry):
    told = (run.folder / "recipe.yaml").read_text()
    assert load_recipe(run.folder / "recipe.yaml", (), registry) == load_recipe(run.tables.recipe, (), registry)
    assert """
    data:
      train:
        table: train.jsonl
        media: images/
        map:
          question: text
          answers: answers
          image: media
      validation:
        table: validation.csv
""" in told  # fmt: skip


def test_it_knows_of_which_kind_its_media_are(run):
    graft = sorted(run.folder.glob("checkpoints/*/graft/graft.json"))[-1]
    assert json.loads(graft.read_text())["media"] == {"vqa": ["image"]}


def test_annotations_are_made_into_shards_once(run, tmp_path):
    assert "reading train.jsonl: 12/12" in run.outcome.stderr
    made = sorted(path.name for path in (run.tables.folder / SOURCES).iterdir())
    assert len(made) == 2
    before = {path: path.stat().st_mtime_ns for path in (run.tables.folder / SOURCES).rglob("*")}
    shutil.copytree(run.folder, tmp_path / "run")
    assert evaluate(tmp_path / "run", "train")["split"] == "train"
    assert {path: path.stat().st_mtime_ns for path in (run.tables.folder / SOURCES).rglob("*")} == before


def test_it_goes_on_as_if_it_had_not_been_stopped(run, training_of, tmp_path):
    train = training_of(run.tables.recipe)
    train(tmp_path / "run", "train.steps=2")
    train(tmp_path / "run", resume=True)
    assert losses(tmp_path / "run") == losses(run.folder)
    assert predictions(tmp_path / "run") == predictions(run.folder)


def test_its_page_shows_the_pictures(run, registry):
    page = write_report(run.folder, registry).read_text()
    assert page.count("data:image/jpeg") == 6
    assert "lies apart" not in page


def test_it_does_not_go_on_with_another_table(tables, training_of, tmp_path, capfd):
    train = training_of(tables.recipe)
    train(tmp_path / "run", "train.steps=2", "eval.split=none")
    tables.rows[3]["question"] = "what colour is the fourth?"
    (tables.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tables.rows))
    with pytest.raises(MultigraftError, match="the training data of vqa are not those that the run began with"):
        train(tmp_path / "run", "eval.split=none", resume=True)
    assert "holds 1 of the same files as they were before or read with other options" in capfd.readouterr().err


def test_it_does_not_go_on_with_another_source(tables, training_of, tmp_path):
    train = training_of(tables.recipe)
    train(tmp_path / "run", "train.steps=2", "eval.split=none")
    (tables.folder / "other.jsonl").write_bytes((tables.folder / "train.jsonl").read_bytes())
    with pytest.raises(MultigraftError, match=r"tasks.vqa.data.train.table: 'train.jsonl' -> 'other.jsonl'"):
        train(tmp_path / "run", "tasks.vqa.data.train.table=other.jsonl", "eval.split=none", resume=True)
