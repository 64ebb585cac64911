"""What `multigraft train RECIPE --run DIR` leaves behind, made by a process of its own."""

import csv
import json
import shutil

import pytest
from safetensors import safe_open

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.results import read_predictions
from multigraft.core.evaluation.scoring import Scorer
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.report import write_report

TASKS = ["vqa", "statements", "captions", "videos"]
PACE = ["train/samples_per_second", "train/waiting"]
CHECKPOINT = "checkpoints/00000002"
LISTING = {
    "recipe.yaml", "environment.json", "metrics.jsonl", "metrics.csv", "results.json",
    *(f"predictions/{task}.jsonl" for task in TASKS),
    f"{CHECKPOINT}/graft/graft.json", f"{CHECKPOINT}/graft/shared.safetensors",
    *(f"{CHECKPOINT}/graft/task-{task}.safetensors" for task in TASKS),
    f"{CHECKPOINT}/state/state.json", f"{CHECKPOINT}/state/optimizer.safetensors",
}  # fmt: skip
SCOPES = {
    "{kind: single}": ["shared"],
    "{kind: half-shared}": ["shared", *(f"task-{task}" for task in TASKS)],
    "{kind: per-task}": ["shared", *(f"task-{task}" for task in TASKS)],
    "{kind: groups, groups: {pictures: [vqa, captions, statements], films: [videos]}}":
        ["shared", "group-pictures", "group-films"],
    "{kind: hypernetwork, embedding: 6, hidden: 6, projected: 4}": ["shared", *(f"task-{task}" for task in TASKS)],
}  # fmt: skip


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def graft(folder):
    return json.loads((folder / CHECKPOINT / "graft" / "graft.json").read_text())


def test_the_documented_files_and_no_others(trained):
    assert files(trained.folder) == LISTING
    assert not list((trained.folder / "checkpoints").rglob(".*"))


def test_the_last_line_on_stdout_is_the_folder(trained):
    assert trained.outcome.stdout == f"{trained.folder}\n"
    assert "step 2/2" in trained.outcome.stderr
    assert f"multigraft report {trained.folder}" in trained.outcome.stderr


def test_the_recipe_is_written_out_and_loads_again(trained, recipe_file, registry):
    recipe = load_recipe(recipe_file, (), registry)
    assert (trained.folder / "recipe.yaml").read_text() == dump_recipe(recipe)
    assert load_recipe(trained.folder / "recipe.yaml", (), registry) == recipe


def test_every_step_is_logged_in_lines_and_in_a_table(trained):
    lines = [json.loads(line) for line in (trained.folder / "metrics.jsonl").read_text().splitlines()]
    columns = ["step", *(f"train/{task}/loss" for task in TASKS), "train/rate", *PACE]
    assert [list(line) for line in lines[:2]] == [columns, columns]
    assert [line["step"] for line in lines] == [1, 2, 2]
    assert all(line["train/samples_per_second"] > 0 and 0 <= line["train/waiting"] <= 1 for line in lines[:2])
    with (trained.folder / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [{name: float(value) for name, value in row.items() if value} for row in table] == lines


def test_the_scores_of_the_last_step_end_the_curves(trained):
    *_, last = [json.loads(line) for line in (trained.folder / "metrics.jsonl").read_text().splitlines()]
    results = json.loads((trained.folder / "results.json").read_text())
    assert last.pop("step") == results["step"] == 2
    losses = [last.pop(f"eval/{task}/loss") for task in TASKS]
    assert all(4 < loss < 8 for loss in losses)
    assert last == {
        f"eval/{task}/{metric}": value
        for task, report in results["tasks"].items()
        for metric, value in report.items()
        if metric != "n" and isinstance(value, int | float)
    }


def test_results_have_their_form(trained):
    results = json.loads((trained.folder / "results.json").read_text())
    assert set(results) == {"tasks", "controls", "split", "parameters", "step", "seconds", "history", "data", "cut"}
    uncut = {"n": 4, "any": 0, "context": 0, "choices": 0, "question": 0, "target": 0}
    letters = {"any": 4, "target": 4}  # `true` is more than four tokens of the tokenizer in use
    assert results["cut"] == {task: uncut | (letters if task == "statements" else {}) for task in TASKS}
    assert results["data"] == {"drawn": 16, "bad": 0, "problems": {}}
    assert list(results["tasks"]) == TASKS
    for report in results["tasks"].values():
        assert report["n"] == 10
        assert [source["n"] for source in report["by_source"].values()] == [10]
    assert results["tasks"]["vqa"]["by_type"]["colour"]["n"] == 10
    assert set(results["tasks"]["videos"]["by_source"]) == {"films"}
    parameters = results["parameters"]
    assert set(parameters) == {"total", "total_with_encoder", "trainable", "percent", "by_owner", "by_part"}
    assert sum(parameters["by_owner"].values()) == sum(parameters["by_part"].values()) == parameters["trainable"]
    assert parameters["percent"] == pytest.approx(100 * parameters["trainable"] / parameters["total"])
    seconds = results["seconds"]
    parts = {"train/step", "train/wait", "train/save", "score/validation"}
    assert set(seconds) == {"make", "check", "train", "score", "total"} | parts
    assert 0 < seconds["make"] + seconds["check"] + seconds["train"] + seconds["score"] < seconds["total"]
    for whole in ("train", "score"):
        within = sum(spent for name, spent in seconds.items() if name.startswith(f"{whole}/"))
        assert within == pytest.approx(seconds[whole], abs=0.1)


def test_scores_can_be_computed_again_from_the_predictions(trained, registry):
    results = json.loads((trained.folder / "results.json").read_text())
    recipe = load_recipe(trained.folder / "recipe.yaml", (), registry)
    for task in TASKS:
        rows = read_predictions(trained.folder / "predictions" / f"{task}.jsonl")
        assert len({row.id for row in rows}) == 10
        scores = Scorer(recipe.tasks[task], registry).scores(rows)
        assert json.loads(json.dumps(scores)) == results["tasks"][task]


def test_a_prediction_names_its_media(trained, shards):
    rows = read_predictions(trained.folder / "predictions" / "statements.jsonl")
    origin = f"{shards / 'pictures-validation-000000.tar'}#validation0"
    assert rows[0].media == (f"{origin}.0.png", f"{origin}.1.png")
    assert rows[0].text == "both are red"


def test_the_graft_says_where_it_belongs(trained, registry):
    facts = graft(trained.folder)
    assert set(facts["trunk"]) == {"backbone", "encoder"}
    assert facts["trunk"]["encoder"].startswith("timm:test_efficientnet|weights=")
    assert facts["tasks"] == TASKS
    assert facts["recipe"] == (trained.folder / "recipe.yaml").read_text()
    assert facts["plugins"]["multigraft"] == next(p.version for p in registry.plugins if p.name == "multigraft")
    environment = json.loads((trained.folder / "environment.json").read_text())
    assert environment["recipe"] == "tiny"
    assert environment["plugins"] == facts["plugins"]
    assert {"torch", "transformers", "multigraft"} <= set(environment["libraries"])


def test_the_lists_of_tensors_hold(trained):
    for scope, shapes in graft(trained.folder)["tensors"].items():
        path = trained.folder / CHECKPOINT / "graft" / f"{scope.replace(':', '-')}.safetensors"
        with safe_open(path, "pt") as file:
            assert {name: file.get_slice(name).get_shape() for name in file.keys()} == shapes  # noqa: SIM118


@pytest.mark.parametrize("sharing", SCOPES)
def test_one_file_for_each_task_scope(sharing, train, tmp_path):
    train(tmp_path, f"graft.sharing={sharing}", "train.steps=1", "eval.split=none")
    made = {path.stem for path in (tmp_path / "checkpoints/00000001/graft").glob("*.safetensors")}
    assert made == set(SCOPES[sharing])


def test_a_run_folder_is_not_written_over(trained, command, recipe_file):
    outcome = command("train", recipe_file, "--run", trained.folder)
    assert outcome.returncode == 2
    assert outcome.stderr == (
        f"{trained.folder} holds a run already; go on with it by `multigraft train --resume {trained.folder}`, "
        "or name another folder with `--run`\n"
    )


def test_a_file_in_the_place_of_the_folder(command, recipe_file, tmp_path):
    (tmp_path / "run").touch()
    outcome = command("train", recipe_file, "--run", tmp_path / "run")
    assert (outcome.returncode, outcome.stderr) == (2, f"{tmp_path / 'run'} cannot be written: File exists\n")


def test_its_report_shows_every_task(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert all(f">{task}<" in page for task in TASKS)
    assert "both are red" in page


def test_an_unknown_control_in_the_recipe_is_told_before_training(train, tmp_path):
    with pytest.raises(MultigraftError, match=r"no control named 'no-medai'; did you mean 'no-media'\?"):
        train(tmp_path / "run", "eval.controls=[no-medai]")
    assert not (tmp_path / "run").exists()
