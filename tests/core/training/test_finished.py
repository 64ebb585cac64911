"""A run that is over: resuming it changes nothing, scoring that was interrupted is made up, and its account goes on."""

import json
import shutil

import pytest

from multigraft.core.cli.score_table import score_table
from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.training import session
from multigraft.core.training.evaluate_saved import evaluate_saved


def snapshot(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def results_of(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.fixture
def run_folder(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def resume(run_folder, registry):
    """Go on with the run in this process."""

    def go_on(*overrides):
        recipe = load_recipe(run_folder / "recipe.yaml", overrides, registry)
        return session.train(recipe, registry, run_folder, resume=True)

    return go_on


def test_resuming_a_finished_run_changes_no_file_and_says_what_to_do(run_folder, command):
    before = snapshot(run_folder)
    outcome = command("train", "--resume", run_folder)
    assert (outcome.returncode, outcome.stdout) == (0, f"{run_folder}\n")
    assert outcome.stderr.splitlines()[-1] == (
        f"{run_folder} is finished: its 2 steps are made and scored, and nothing was changed. "
        f"Train longer by `multigraft train --resume {run_folder} --set train.steps=4`"
    )
    assert snapshot(run_folder) == before


def test_controls_scored_later_and_times_go_on(run_folder, registry, resume):
    first = results_of(run_folder)["seconds"]
    scored = evaluate_saved(run_folder, registry, None, ["no-media"])
    assert scored["seconds"]["train"] == first["train"]
    assert all(scored["seconds"][kind] > first[kind] for kind in ("score", "total"))
    before = snapshot(run_folder)
    assert resume() == results_of(run_folder)
    assert snapshot(run_folder) == before
    longer = resume("train.steps=3")
    assert set(longer["controls"]) == {"no-media"}
    assert longer["step"] == 3
    assert all(longer["seconds"][kind] > scored["seconds"][kind] for kind in ("train", "score", "total"))
    assert longer["data"] == {"drawn": 24, "bad": 0, "problems": {}}


def test_a_final_scoring_that_was_interrupted_is_done(run_folder, resume):
    before = results_of(run_folder)
    lines = [json.loads(line) for line in (run_folder / "metrics.jsonl").open()]
    (run_folder / "results.json").unlink()  # the scores are in metrics.jsonl already
    results = resume()
    assert results["tasks"] == before["tasks"] == results_of(run_folder)["tasks"]
    again = [json.loads(line) for line in (run_folder / "metrics.jsonl").open()]
    assert [line["step"] for line in again] == [1, 2, 2]
    assert again[0] == lines[0]
    assert again[2] == lines[2]
    assert again[1] == {name: value for name, value in lines[1].items() if name in again[1]}


def test_a_control_that_is_asked_for_later_is_scored(run_folder, resume):
    assert set(resume("eval.controls=[no-media]")["controls"]) == {"no-media"}
    before = snapshot(run_folder)
    resume()
    assert snapshot(run_folder) == before


def test_an_exported_graft_is_no_run(run_folder, command, tmp_path):
    assert command("export", run_folder, "--task", "vqa", "--to", tmp_path / "vqa").returncode == 0
    before = snapshot(tmp_path / "vqa")
    outcome = command("train", "--resume", tmp_path / "vqa")
    assert (outcome.returncode, outcome.stderr) == (
        2,
        f"{tmp_path / 'vqa'} is an exported graft without the state of a run, so training cannot go on from it; "
        "resume the run that it was exported from. `multigraft predict` answers with it\n",
    )
    assert snapshot(tmp_path / "vqa") == before


def test_an_exported_graft_is_not_scored_for_tasks_that_it_lacks(run_folder, command, tmp_path):
    assert command("export", run_folder, "--task", "vqa", "--to", tmp_path / "vqa").returncode == 0
    outcome = command("eval", tmp_path / "vqa")
    assert (outcome.returncode, outcome.stderr) == (
        2,
        f"{tmp_path / 'vqa'} is an exported graft for vqa alone, without statements, captions, videos: "
        "`multigraft predict` answers with it; score the run that it was exported from\n",
    )


def test_a_run_of_the_first_release_goes_on_and_says_from_where_it_counts(run_folder, resume, caplog):
    state = run_folder / "checkpoints" / "00000002" / "state" / "state.json"
    kept = ("step", "data", "plugins")
    state.write_text(json.dumps({key: value for key, value in json.loads(state.read_text()).items() if key in kept}))
    results = resume("train.steps=3")
    assert f"{state} is of an older version: draws and cut texts are counted from here on" in caplog.messages
    assert results["step"] == 3
    assert results["data"]["drawn"] == results["cut"]["statements"]["n"] * 4 == 8


def test_a_checkpoint_without_its_state_is_no_run_either(run_folder, resume):
    shutil.rmtree(run_folder / "checkpoints" / "00000002" / "state")
    with pytest.raises(MultigraftError, match=r"state\.json is damaged: FileNotFoundError"):
        resume("train.steps=3")


def test_tables_are_whole_in_a_pipe(trained, run_folder, command):
    controls = ["untrained", "no-media", "shuffled-media", "reversed-frames", "shuffled-frames", "last-frame"]
    outcome = command("eval", run_folder, *(word for name in controls for word in ("--control", name)))
    head = outcome.stdout.splitlines()[1]
    assert [cell.strip() for cell in head.strip("┃").split("┃")] == ["task", "metric", "score", "n", *controls]
    results = results_of(run_folder)
    assert outcome.stdout.count("│\n") == score_table(results).row_count
    assert "…" not in outcome.stdout + trained.outcome.stderr
    assert f"scoring videos, last-frame: {results['controls']['last-frame']['videos']['n']}/10, " in outcome.stderr
    assert "scoring vqa: 10/10, " in trained.outcome.stderr
