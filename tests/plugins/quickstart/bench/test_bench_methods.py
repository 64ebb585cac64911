"""`multigraft bench methods`, with real trainings of a few steps."""

import json
import signal

import pytest

import multigraft
from multigraft import load_registry
from multigraft.core.graft.saving import load_graft
from multigraft.core.run.run_setup import open_run
from multigraft.core.training import session
from multigraft.plugins.quickstart.bench.method_table import read_methods, written_rows
from multigraft.plugins.quickstart.bench.piece import Bench, Budget

MADE = ["single-0.json", "untrained-0.json", "search/single-0.001.json", "search/single-0.01.json"]
TABLES = ["methods.md", "methods.csv", "methods.svg"]


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def made_at(folder):
    return {name: (folder / name).stat().st_mtime_ns for name in MADE if (folder / name).exists()}


def test_rates_are_chosen_on_validation_and_scores_are_of_test(bench, methods_file, tmp_path):
    outcome = bench(methods_file())
    folder = tmp_path / "bench"
    assert outcome.exit_code == 0, outcome.output
    assert files_in(folder) == {*MADE, *TABLES}
    kept = {name: json.loads((folder / name).read_text()) for name in MADE}
    assert {name: (each["split"], each["steps"]) for name, each in kept.items()} == {
        "single-0.json": ("test", 4),
        "untrained-0.json": ("test", 0),
        "search/single-0.001.json": ("validation", 1),
        "search/single-0.01.json": ("validation", 1),
    }
    for each in kept.values():
        assert each["made_with"]["eval"]["final_split"] == each["split"]
        assert {task["n"] for task in each["tasks"].values()} == {12 if each["split"] == "test" else 6}
    trials = [each for each in kept.values() if each["split"] == "validation"]
    best = max(trials, key=lambda each: sum(task["score"] for task in each["tasks"].values()))
    assert kept["single-0.json"]["rate"] == best["rate"]
    assert kept["single-0.json"]["environment"]["libraries"]["torch"]
    parameters = kept["single-0.json"]["parameters"]
    assert parameters["projection"] == sum(n for part, n in parameters["by_part"].items() if part.startswith("prompt."))
    assert 0 < parameters["projection"] < parameters["trainable"]


def test_a_score_is_what_the_same_recipe_reaches_by_itself(bench, methods_file, recipe_file, tmp_path):
    bench(methods_file(), "--steps", 30, rows="single")
    kept = json.loads((tmp_path / "bench" / "single-0.json").read_text())
    overrides = [
        "graft.adapters=[{kind: bottleneck, width: 4}]", "graft.sharing=single", "train.steps=30",
        f"train.optimizer.rate={kept['rate']}", "eval.split=test", "eval.final_limit=12",
    ]  # fmt: skip
    results = multigraft.train(multigraft.load_recipe(recipe_file, overrides), tmp_path / "run")
    assert {name: task["score"] for name, task in kept["tasks"].items()} == pytest.approx(
        {name: report[kept["tasks"][name]["metric"]] for name, report in results["tasks"].items()}
    )
    assert any(task["score"] > 0 for task in kept["tasks"].values())
    for task in kept["clusters"]["tasks"].values():
        assert sum(task["rows"]) == 12
    assert kept["parameters"]["trainable"] == results["parameters"]["trainable"]


def test_what_is_kept_is_not_trained_again(bench, methods_file, tmp_path):
    bench(methods_file(), rows="single")
    before = made_at(tmp_path / "bench")
    assert len(before) == 3
    outcome = bench(methods_file())
    assert {name: made for name, made in made_at(tmp_path / "bench").items() if name in before} == before
    lines = outcome.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "[1/4] single, rate 0.001", "[2/4] single, rate 0.01", "[3/4] single, seed 0", "[4/4] untrained, seed 0",
    ]  # fmt: skip
    assert [": kept, " in line for line in lines] == [True, True, True, False]


@pytest.mark.parametrize(("sent", "code", "said"), [(signal.SIGKILL, -9, ""), (signal.SIGINT, 130, "goes on")])
def test_a_benchmark_that_was_stopped_goes_on(bench, words, methods_file, stopped_after, tmp_path, sent, code, said):
    """The second training makes its first step when the signal comes."""
    folder = tmp_path / "bench"
    outcome = stopped_after("multigraft.core.training.loop.Trainer", "step", 2, words(methods_file()), sent)
    assert outcome.returncode == code
    assert said in outcome.stderr
    assert "--resume" not in outcome.stderr
    before = made_at(folder)
    assert len(before) == 1
    assert bench(methods_file()).exit_code == 0
    after = made_at(folder)
    assert list(after) == MADE
    assert {name: after[name] for name in before} == before
    assert files_in(folder) == {*MADE, *TABLES}


def test_a_failed_training_is_kept_and_the_others_go_on(bench, methods_file, tmp_path):
    rows = """
rates: [1.0e+18]
rows:
  broken:
    set: ["graft.adapters=[{kind: bottleneck, width: 4}]", "graft.sharing=single", "train.optimizer.warmup=0"]
  single: {like: broken, rates: [1.0e-3]}
"""
    outcome = bench(methods_file(rows), rows="broken,single")
    assert outcome.exit_code == 1
    assert "[1/2] broken, seed 0: failed: " in outcome.stderr
    assert "[2/2] single, seed 0: 0." in outcome.stderr
    error = json.loads((tmp_path / "bench" / "broken-0.json").read_text())["error"]
    assert "loss" in error
    assert f"- failed: broken, seed 0: {error.splitlines()[0]}" in (tmp_path / "bench" / "methods.md").read_text()
    assert "remove" in bench(methods_file(rows), rows="broken,single").stderr


def test_rows_with_other_budgets_are_not_mixed(bench, methods_file, tmp_path):
    bench(methods_file(), rows="untrained")
    outcome = bench(methods_file(), "--samples", 10, rows="untrained")
    assert outcome.exit_code == 2
    assert f"{tmp_path}/bench/untrained-0.json was made with another recipe" in outcome.stderr
    assert "(eval.final_limit)" in outcome.stderr


def test_an_adapter_of_a_plugin_file_gets_a_row(bench, methods_file, plugin_file, adapter_plugin, tmp_path):
    plugin = plugin_file("scale.py", adapter_plugin("scale"))
    outcome = bench(methods_file(), "--plugin", plugin, rows="scaled-x-single")
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "bench" / "scaled-x-single-0.json").is_file()
    assert "| scaled-x-single | " in (tmp_path / "bench" / "methods.md").read_text()


def test_a_row_that_is_not_installed_is_told(bench, methods_file):
    rows = """
rates: [1.0e-3]
rows:
  vl-pet: {set: ["graft.adapters=[vl-pett]"]}
  untrained: {trained: false, set: ["graft.adapters=[bottleneck]"]}
"""
    outcome = bench(methods_file(rows), rows="vl-pet,untrained")
    assert outcome.exit_code == 0
    first, second, *_ = outcome.stderr.splitlines()
    assert first == "left out: vl-pet: graft.adapters.0: no adapter named 'vl-pett'"
    assert second == "1 rows left out, 1 to train"


def test_the_row_without_training_moves_nothing(recipe_file, methods_file, tmp_path):
    registry = load_registry()
    row = next(row for row in written_rows(read_methods(methods_file())) if not row.trained)
    recipe = Bench(str(recipe_file), (), Budget(4, 12), tmp_path / "bench", registry).final(row, 0.0, 0).recipe()
    with open_run(recipe, registry, tmp_path / "start") as run:
        start = {key: value.detach().clone() for key, value in run.model.graft.bank.trained().items()}
        trained = session.train(recipe, registry, tmp_path / "run")
    assert trained["step"] == 1
    with open_run(recipe, registry, tmp_path / "again") as run:
        saved = next((tmp_path / "run" / "checkpoints").iterdir()) / "graft"
        load_graft(saved, run.model.graft.bank, run.trunk.fingerprints)
        for key, value in run.model.graft.bank.trained().items():
            assert (value - start[key]).abs().max() < 1e-29, key


def test_a_recipe_without_a_split_is_refused(bench, methods_file):
    outcome = bench(methods_file(), "--set", "tasks.vqa.data={train: [easy-vqa/train-*.tar]}")
    assert "task 'vqa' of" in outcome.stderr
    assert "has no split 'validation'" in outcome.stderr


def test_nothing_to_collect_is_an_error(bench, methods_file, tmp_path):
    (tmp_path / "bench").mkdir()
    assert "no training that went well" in bench(methods_file(), "--collect").stderr


def test_every_row_has_one_seed_before_another_has_two(bench, methods_file, tmp_path):
    rows = """
rates: [1.0e-3]
rows:
  a: {trained: false, set: ["graft.adapters=[bottleneck]"]}
  b: {like: a, trained: false}
"""
    outcome = bench(methods_file(rows), "--seeds", "0,1", rows="a,b")
    assert [line.split(":")[0] for line in outcome.stderr.splitlines()] == [
        "[1/4] a, seed 0", "[2/4] b, seed 0", "[3/4] a, seed 1", "[4/4] b, seed 1",
    ]  # fmt: skip
    table = (tmp_path / "bench" / "methods.md").read_text()
    assert table.count("| 0, 1 |") == 2
    scores = [json.loads((tmp_path / "bench" / f"a-{seed}.json").read_text())["clusters"] for seed in (0, 1)]
    assert scores[0]["names"] == scores[1]["names"]


def test_a_row_whose_trials_all_fail_is_not_trained(bench, methods_file, tmp_path):
    rows = """
rates: [1.0e+18, 1.0e+19]
rows:
  broken:
    set: ["graft.adapters=[{kind: bottleneck, width: 4}]", "graft.sharing=single", "train.optimizer.warmup=0"]
"""
    outcome = bench(methods_file(rows), "--steps", 16, rows="broken")
    assert outcome.exit_code == 2  # there is no table to write
    kept = json.loads((tmp_path / "bench" / "broken-0.json").read_text())
    assert kept["error"].startswith("every trial failed, the last one with: ")
    assert "tasks" not in kept
