"""What each control does to real samples, and `multigraft eval --control`."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
import torch

from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.order import Order
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.evaluation.controls import CONTROLS, ControlledReader
from multigraft.core.evaluation.results import control_scores, final_results, read_predictions, task_predictions
from multigraft.core.graft.bank import hash_tensors
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.evaluate_saved import evaluate_saved
from multigraft.core.types.sample import Sample


@pytest.fixture(scope="module")
def opened(recipe_file, registry, tmp_path_factory):
    with open_run(load_recipe(recipe_file, (), registry), registry, tmp_path_factory.mktemp("opened")) as run:
        yield run


@pytest.fixture
def read(opened):
    """The validation samples of a task under a control; without one, as they are."""

    def samples(task, control=None, seed=0):
        reader = ControlledReader(opened.data.reader, CONTROLS[control], seed) if control else opened.data.reader
        source = opened.data.source(task, "validation")
        return list(EvaluationSamples(source, reader, SkippedLog(None, 1.0)))

    return samples


def pixels(samples):
    return [[media.arrays.tobytes() for media in sample.media] for sample in samples]


def frames(samples):
    return [[frame.tobytes() for frame in sample.media[0].arrays] for sample in samples]


def test_nothing_but_the_media_changes(read):
    for control in CONTROLS:
        for task in ("vqa", "statements", "videos"):
            plain, controlled = read(task), read(task, control)
            assert [(each.annotation, each.example) for each in controlled] == [
                (each.annotation, each.example) for each in plain
            ]


def test_no_media(read):
    assert {sample.media for sample in read("statements", "no-media")} == {()}


def test_shuffled_media_come_from_other_samples_of_the_task(read):
    plain, shuffled = pixels(read("statements")), pixels(read("statements", "shuffled-media"))
    assert shuffled != plain
    assert all(media in plain for media in shuffled)
    assert all(len(media) == 2 for media in shuffled)
    assert pixels(read("statements", "shuffled-media")) == shuffled
    assert pixels(read("statements", "shuffled-media", seed=1)) != shuffled


def test_donors_are_drawn_uniformly(opened):
    class Numbered(SampleReader):
        """Reads no pixels: a sample's media are the place it was read from."""

        def read(self, source, place, seed):
            sample = super().read(source, place, seed)
            return type(sample)(sample.task, sample.annotation, sample.example, ((place.shard, place.row),), "")

    source, draws = opened.data.source("vqa", "validation"), 200
    counts = Counter(
        sample.media[0]
        for seed in range(draws)
        for sample in EvaluationSamples(
            source, ControlledReader(Numbered(None), CONTROLS["shuffled-media"], seed), SkippedLog(None, 1.0)
        )
    )
    assert len(counts) == 10
    assert sum((count - draws) ** 2 / draws for count in counts.values()) < 27.9  # chi-squared, 9 degrees, 0.001


def test_a_donor_that_is_bad_is_drawn_again(opened):
    source = opened.data.source("vqa", "validation")
    place = Order(source.counts, 0, "vqa", 1).unshuffled(0)

    class HalfBad(SampleReader):
        """All samples but the asked one are bad in every second row."""

        def read(self, source, wanted, seed):
            bad = wanted != place and wanted.row % 2
            return Skipped("shard", "key", "", "bad") if bad else opened.data.reader.read(source, wanted, seed)

    for seed in range(20):
        reader = ControlledReader(HalfBad(None), CONTROLS["shuffled-media"], seed)
        assert isinstance(reader.read(source, place, None), Sample)


def test_frames_of_videos(read):
    plain = frames(read("videos"))
    assert {len(each) for each in plain} == {5, 6, 7, 8}
    assert frames(read("videos", "reversed-frames")) == [each[::-1] for each in plain]
    assert frames(read("videos", "last-frame")) == [each[-1:] for each in plain]
    shuffled = frames(read("videos", "shuffled-frames"))
    assert shuffled != plain
    assert [sorted(each) for each in shuffled] == [sorted(each) for each in plain]
    assert len({tuple(map(own.index, each)) for own, each in zip(plain, shuffled, strict=True)}) > 3


def test_times_stay_those_of_the_places(read):
    plain = [sample.media[0].times for sample in read("videos")]
    for control in ("reversed-frames", "shuffled-frames", "last-frame"):
        for sample, own in zip(read("videos", control), plain, strict=True):
            times = sample.media[0].times
            assert len(times) == (1 if control == "last-frame" else len(own))
            assert np.array_equal(times, own[: len(times)])


def test_controls_of_frames_leave_images_alone(read):
    assert pixels(read("statements", "reversed-frames")) == pixels(read("statements"))


def test_untrained_scores_the_start_values_and_puts_the_trained_ones_back(opened):
    bank = opened.model.graft.bank
    start = control_scores(opened, "untrained", "validation")
    with torch.no_grad():
        for value in bank.trained().values():
            value.add_(0.3)
    before = bank.snapshot()
    assert control_scores(opened, "untrained", "validation") == start
    assert all(torch.equal(value, before[key]) for key, value in bank.trained().items())
    bank.restart()


def test_untrained_sets_back_a_trunk_that_is_trained_in_place(recipe_file, registry, tmp_path):
    recipe = load_recipe(recipe_file, ("graft={train: {backbone: true}}",), registry)
    with open_run(recipe, registry, tmp_path) as run:
        trained, reader, seen = run.model.graft.bank.trained(), run.data.reader, set()

        class Watching(SampleReader):
            """Notes the graft's values while samples are read."""

            def read(self, source, place, seed):
                seen.add(hash_tensors(trained.values()))
                return reader.read(source, place, seed)

        run.data.reader = Watching(None)
        start = hash_tensors(trained.values())
        with torch.no_grad():
            for value in trained.values():
                value.mul_(1.5)
        moved = hash_tensors(trained.values())
        control_scores(run, "untrained", "validation")
        assert seen == {start}
        assert hash_tensors(trained.values()) == moved


def test_no_graft_scores_the_trunk_as_it_was_loaded(recipe_file, registry, tmp_path):
    """However far graft and trunk have been trained; behind it both are as before."""
    recipe = load_recipe(recipe_file, ("graft.train={backbone: true}",), registry)
    with open_run(recipe, registry, tmp_path) as run:
        bank = run.model.graft.bank
        first = control_scores(run, "no-graft", "validation")
        with torch.no_grad():
            for value in bank.trained().values():
                value.add_(0.3)
        moved = hash_tensors(bank.trained().values())
        assert control_scores(run, "no-graft", "validation") == first
        assert hash_tensors(bank.trained().values()) == moved
        assert control_scores(run, "no-graft", "validation").keys() == recipe.tasks.keys()


def test_no_graft_leaves_out_a_loss_that_a_head_makes(recipe_file, registry, tmp_path):
    sorted_by = "tasks.statements.objective={kind: classification, labels: ['true', 'false']}"
    overrides = (sorted_by, "tasks.statements.evaluator=loss", "tasks.captions.evaluator=loss")
    with open_run(load_recipe(recipe_file, overrides, registry), registry, tmp_path) as run:
        final_results(run, "validation", ["no-graft"])
    assert run.results["left_out"]["no-graft"] == {
        "statements": {"its head is in the graft": {"n": 10, "annotations": []}}
    }
    scores = run.results["controls"]["no-graft"]
    assert set(scores) == {"vqa", "captions", "videos"}
    assert scores["captions"]["loss"] != run.results["tasks"]["captions"]["loss"]


@pytest.fixture
def run_folder(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    return tmp_path / "run"


def test_every_control_at_the_command_line(command, run_folder):
    before = json.loads((run_folder / "results.json").read_text())
    options = [word for control in CONTROLS for word in ("--control", control)]
    outcome = command("eval", run_folder, *options, "--json")
    assert outcome.returncode == 0, outcome.stderr
    results = json.loads(outcome.stdout)
    assert results == json.loads((run_folder / "results.json").read_text())
    assert results["tasks"] == before["tasks"]
    assert list(results["controls"]) == list(CONTROLS)
    for control, scores in results["controls"].items():
        about_frames = control in ("reversed-frames", "shuffled-frames", "last-frame")
        assert list(scores) == (["videos"] if about_frames else ["vqa", "statements", "captions", "videos"])
        for task, report in scores.items():
            assert report.keys() == before["tasks"][task].keys()
            assert report["n"] == 10


def test_a_control_may_be_scored_on_some_annotations_drawn_evenly(recipe_file, registry, tmp_path):
    recipe = load_recipe(recipe_file, ("eval.control_limit=4",), registry)
    with open_run(recipe, registry, tmp_path) as run:
        final_results(run, "validation", ["no-media"])
        results = run.results
        everyone = [row.id for row in read_predictions(tmp_path / "predictions" / "vqa.jsonl")]
        rows = task_predictions(run, "vqa", "validation", recipe.eval.control_limit)
    assert {name: report["n"] for name, report in results["tasks"].items()} == dict.fromkeys(recipe.tasks, 10)
    assert {name: report["n"] for name, report in results["controls"]["no-media"].items()} == dict.fromkeys(
        recipe.tasks, 4
    )
    assert [row.id for row in rows] == [everyone[place] for place in (0, 2, 5, 7)]


def test_the_end_may_be_scored_on_some_annotations_drawn_evenly(recipe_file, registry, tmp_path):
    recipe = load_recipe(recipe_file, ("eval.final_limit=4",), registry)
    with open_run(recipe, registry, tmp_path) as run:
        final_results(run, "validation", ["no-media"])
        everyone = [row.id for row in task_predictions(run, "vqa", "validation", None)]
    assert {name: report["n"] for name, report in run.results["tasks"].items()} == dict.fromkeys(recipe.tasks, 4)
    assert run.results["controls"]["no-media"]["vqa"]["n"] == 10
    rows = read_predictions(tmp_path / "predictions" / "vqa.jsonl")
    assert [row.id for row in rows] == [everyone[place] for place in (0, 2, 5, 7)]


def test_scores_are_kept_for_the_same_split_only(run_folder, registry):
    assert set(evaluate_saved(run_folder, registry, None, ["no-media"])["controls"]) == {"no-media"}
    assert set(evaluate_saved(run_folder, registry, None, ["last-frame"])["controls"]) == {"no-media", "last-frame"}
    results = evaluate_saved(run_folder, registry, "train", [])
    assert (results["split"], results["controls"], results["tasks"]["vqa"]["n"]) == ("train", {}, 12)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--control", "no-medai"), "no control named 'no-medai'; did you mean 'no-media'?"),
        (("--split", "validaton"), "no task has a split 'validaton'; did you mean 'validation'?"),
    ],
)
def test_unknown_names(command, trained, words, message):
    outcome = command("eval", trained.folder, *words)
    assert outcome.returncode == 2
    assert outcome.stderr.startswith(message)
    assert len(outcome.stderr.splitlines()) == 1
