"""`multigraft search`, as a process of its own: it finds the planted value, goes on exactly, and says what is wrong."""

import json
import os
import signal
from xml.etree import ElementTree

import pytest
import yaml
from safetensors.torch import load_file

from multigraft import MultigraftError, load_recipe
from multigraft.core import library
from multigraft.core.search.draws import DrawsFile


@pytest.mark.parametrize("strategy", ["bandit", "round-robin", "sweep"])
def test_each_strategy_trains_real_arms_and_finds_the_planted_one(strategy, recipe, command, tmp_path):
    done = command("search", recipe, "--run", tmp_path / "found", "--set", f"search.strategy={strategy}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "found" / "found.yaml")
    found = load_recipe(tmp_path / "found" / "found.yaml")
    assert found.graft.adapters[0].sites.stack == ["decoder"]
    assert found.search is None
    report = json.loads((tmp_path / "found" / "search.json").read_text())
    assert report["share"] <= 0.2
    assert report["choices"]["stack"]["chosen"] == ["decoder"]
    assert sum(report["choices"]["stack"]["trained"]) == report["steps"] == len(lines(tmp_path / "found"))
    assert ElementTree.parse(tmp_path / "found" / "preferences.svg").getroot().tag.endswith("svg")


def lines(folder):
    return [json.loads(line) for line in (folder / "draws.jsonl").read_text().splitlines()]


def test_every_draw_is_written(recipe, tmp_path):
    library.search(recipe, tmp_path / "whole")
    rows = lines(tmp_path / "whole")
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert len(row["scored"]) == 5
        assert {draw["batch"] for draw in row["scored"]} == {row["step"] - 1}
        for draw in row["scored"]:
            assert draw["rewards"] == [pytest.approx(sum(draw["tasks"].values()) / 2)]
            alike = [other["tasks"] for other in row["scored"] if other["arms"] == draw["arms"]]
            assert all(tasks == draw["tasks"] for tasks in alike)


def test_each_task_finds_its_own_layer_in_the_same_batches(recipe, tmp_path):
    layered = "{kind: learned, tokens: 2, stack: encoder, place: front, layer: 0, sharing: per-task}"
    choices = {task: {"keys": f"tasks.{task}.prompt.layer", "values": [0, 1]} for task in ("first", "second")}
    overrides = [f"tasks.{task}.prompt={layered}" for task in choices]
    loaded = load_recipe(recipe, [*overrides, f"search.choices={json.dumps(choices)}", "search.share=0.05"])
    report = library.search(loaded, tmp_path / "run")
    draws = [draw for row in lines(tmp_path / "run") for draw in row["scored"]]
    assert {tuple(draw["arms"]) for draw in draws} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for draw in draws:
        assert draw["rewards"] == [draw["tasks"]["first"], draw["tasks"]["second"]]
    found = load_recipe(tmp_path / "run" / "found.yaml").tasks
    for task, choice in report["choices"].items():
        assert choice["tasks"] == [task]
        assert found[task].prompt[0].layer == choice["chosen"]


def test_the_whole_backbone_may_be_trained_and_the_recipe_found_trains_its_own_graft(recipe, tmp_path):
    prompt = "trunk.prompt={kind: learned, tokens: 2, stack: encoder, place: front, layer: 0}"
    choices = "search.choices={layer: {keys: trunk.prompt.layer, values: [0, 1]}}"
    loaded = load_recipe(recipe, [prompt, choices, "search.trains=backbone", "search.share=0.05"])
    report = library.search(loaded, tmp_path / "run")
    rows = lines(tmp_path / "run")
    assert rows[-1]["losses"]["first"] < rows[0]["losses"]["first"]
    (saved,) = (tmp_path / "run" / "checkpoints").iterdir()
    names = set(load_file(saved / "tensors.safetensors"))
    assert any(name.startswith("shared/backbone/") for name in names)
    assert not any("bottleneck" in name for name in names)
    found = load_recipe(tmp_path / "run" / "found.yaml")
    assert found == loaded.model_copy(update={"search": None, "trunk": found.trunk})
    assert found.trunk.prompt[0].layer == report["choices"]["layer"]["chosen"]


SHORT = "search.share=0.05"
"""Eight steps."""


@pytest.fixture(scope="module")
def whole(recipe, command, tmp_path_factory):
    """The folder of a short search that was not stopped."""
    folder = tmp_path_factory.mktemp("searches") / "whole"
    done = command("search", recipe, "--run", folder, "--set", SHORT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped"])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(sent, recipe, whole, command, stopped_after, tmp_path):
    """A checkpoint of step 5 is there, and step 7 is under way."""
    stopped = tmp_path / "stopped"
    words = ["search", recipe, "--run", stopped, "--set", SHORT]
    stopped_after("multigraft.core.search.draws.DrawsFile", "add", 7, words, sent)
    assert len(lines(stopped)) == 7
    again = command("search", "--resume", stopped, "--json")
    assert again.returncode == 0, again.stderr
    assert lines(stopped) == lines(whole)
    told = [json.loads((folder / "search.json").read_text()) for folder in (whole, stopped)]
    timeless = {"seconds": 0, "share_by_clock": 0}
    assert told[0] | timeless == told[1] | timeless
    assert {key: value for key, value in json.loads(again.stdout).items() if key in told[1]} == told[1]
    assert (stopped / "found.yaml").read_text() == (whole / "found.yaml").read_text()


def test_a_finished_search_is_left_as_it_is(whole, command):
    before = {path: path.stat().st_mtime_ns for path in whole.iterdir() if path.is_file()}
    told = json.loads((whole / "search.json").read_text())
    again = command("search", "--resume", whole, "--json")
    assert {key: value for key, value in json.loads(again.stdout).items() if key in told} == told
    after = {path: path.stat().st_mtime_ns for path in whole.iterdir() if path.is_file()}
    assert {path: time for path, time in after.items() if path in before} == before


def test_a_sweep_trains_a_value_as_if_there_were_no_others(recipe, tmp_path):
    """The second value shares the norms with the first, whichever that is."""
    rewards = []
    for number, first in enumerate(("[encoder]", "[encoder, decoder]")):
        values = f"search.choices.stack.values=[{first}, [decoder]]"
        overrides = [values, "graft.train={norms: true}", "search.strategy=sweep", "search.share=0.05"]
        library.search(load_recipe(recipe, overrides), tmp_path / str(number))
        draws = [draw for row in lines(tmp_path / str(number)) for draw in row["scored"]]
        rewards.append([draw["rewards"] for draw in draws if draw["arms"] == [1]])
    assert rewards[0] == rewards[1] != []


@pytest.mark.parametrize("strategy", ["round-robin", "sweep"])
def test_other_strategies_go_on_as_exactly(strategy, recipe, tmp_path):
    """Batches that are scored before and after a stop are counted once."""
    values = "search.choices={width: {keys: graft.adapters.0.width, values: [2, 4, 6]}}"
    loaded = load_recipe(recipe, [values, f"search.strategy={strategy}", "search.share=0.05"])
    whole = library.search(loaded, tmp_path / "whole")
    stopped_at(4, loaded, tmp_path / "half")
    again = library.search(loaded, tmp_path / "half", resume=True)
    assert lines(tmp_path / "half") == lines(tmp_path / "whole")
    timeless = {"seconds": 0, "share_by_clock": 0}
    assert again | timeless == whole | timeless


def stopped_at(step, recipe, folder):
    """Search until a step's line is written, and stop there as Ctrl-C does."""
    added = DrawsFile.add

    def stop(self, done):
        added(self, done)
        if done.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DrawsFile, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            library.search(recipe, folder)


def test_a_search_goes_on_with_its_own_recipe(recipe, tmp_path):
    loaded = load_recipe(recipe, ["search.share=0.05"])
    stopped_at(3, loaded, tmp_path / "run")
    turned = load_recipe(recipe, ["search.share=0.05", "search.choices.stack.values=[[decoder], [encoder]]"])
    with pytest.raises(MultigraftError, match="a search goes on with the recipe that it began with"):
        library.search(turned, tmp_path / "run", resume=True)


def test_a_sampler_with_batches_of_its_own_does_not_stretch_the_budget(recipe, tmp_path):
    sampler = "train.sampler={kind: one-task, batches: {first: 16, second: 16}}"
    report = library.search(load_recipe(recipe, [sampler, "search.share=0.1"]), tmp_path / "run")
    drawn, scored = report["steps"] * 16, 5 * report["steps"] * 4
    assert (2 * drawn + scored) / (2 * 400 * 16) == pytest.approx(report["share"])
    assert report["share"] <= 0.1


def test_only_some_tasks_are_scored_whatever_the_sampler_says(recipe, tmp_path):
    overrides = ["train.sampler={kind: weights, weights: {first: 3, second: 1}}", "search.choices.stack.tasks=[second]"]
    library.search(load_recipe(recipe, [*overrides, "search.share=0.03"]), tmp_path / "run")
    draws = [draw for row in lines(tmp_path / "run") for draw in row["scored"]]
    assert {task for draw in draws for task in draw["tasks"]} == {"second"}


def test_a_search_begins_from_the_graft_that_its_training_begins_from(recipe, training_of, tmp_path):
    training_of(recipe)(tmp_path / "first", "train.steps=30", "graft.adapters.0.sites.stack=[encoder, decoder]")
    begun = load_recipe(recipe, [f"graft.start=run:{tmp_path / 'first'}", "search.share=0.03"])
    library.search(begun, tmp_path / "begun")
    library.search(load_recipe(recipe, ["search.share=0.03"]), tmp_path / "new")
    first = [
        [draw["tasks"]["first"] for draw in lines(tmp_path / name)[0]["scored"] if draw["arms"] == [1]]
        for name in ("begun", "new")
    ]
    assert first[0][0] > 2 * first[1][0]


def test_a_choice_of_the_common_prompt_is_scored_by_the_tasks_that_have_no_other(recipe, tmp_path):
    learned = "{kind: learned, tokens: 2, stack: encoder, place: front, layer: 0}"
    choices = "search.choices={layer: {keys: trunk.prompt.layer, values: [0, 1]}}"
    own = [f"trunk.prompt={learned}", f"tasks.first.prompt={learned}", choices, "search.share=0.03"]
    report = library.search(load_recipe(recipe, own), tmp_path / "run")
    assert report["choices"]["layer"]["tasks"] == ["second"]
    assert {task for row in lines(tmp_path / "run") for draw in row["scored"] for task in draw["tasks"]} == {"second"}


def test_values_that_are_preferred_alike_are_told(recipe, command, tmp_path):
    """Nothing is right after one step of training: all scores are 0."""
    metric = ["--set", "search.reward=metric", "--set", "search.steps=1", "--set", "search.strategy=round-robin"]
    done = command("search", recipe, "--run", tmp_path / "run", *metric)
    assert done.returncode == 0, done.stderr
    choice = json.loads((tmp_path / "run" / "search.json").read_text())["choices"]["stack"]
    assert choice["preferences"] == [0.0, 0.0]
    assert (choice["chosen"], choice["as_good"]) == (["encoder"], [["decoder"]])
    assert 'stack: ["encoder"], ["decoder"] are not separated; the first was taken' in done.stderr
    assert 'not separated from [["decoder"]]' in (tmp_path / "run" / "found.yaml").read_text()


def test_a_recipe_without_choices_is_refused(recipe, tmp_path):
    bare = load_recipe(recipe).model_copy(update={"search": None})
    with pytest.raises(MultigraftError, match="no `search` section"):
        library.search(bare, tmp_path / "run")


def test_training_takes_the_recipes_own_values(recipe, command, tmp_path):
    done = command("train", recipe, "--run", tmp_path / "run", "--set", "train.steps=2")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())["graft"]["adapters"][0]["sites"]["stack"] == [
        "encoder"
    ]
