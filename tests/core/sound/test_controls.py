"""Controls of runs with sound: what they change is scored, what they cannot change is named."""

import json
import shutil

import pytest

from multigraft import evaluate
from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.modalities import kinds_by_ending
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.evaluation.controls import CONTROLS, ControlledReader
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run


@pytest.fixture(scope="module")
def results(heard, tmp_path_factory):
    """results.json with controls."""
    folder = tmp_path_factory.mktemp("controls") / "run"
    shutil.copytree(heard.folder, folder)
    evaluate(folder, controls=["no-media", "shuffled-media", "last-frame"])
    return json.loads((folder / "results.json").read_text())


def test_what_takes_away_or_exchanges_sounds_is_scored_on_all(results):
    for control in ("no-media", "shuffled-media"):
        found = results["controls"][control]
        assert {task: report["n"] for task, report in found.items()} == {
            "vqa": 10, "videos": 10, "sounds": 7, "scenes": 7,
        }  # fmt: skip


def test_sounds_have_no_frames(results):
    assert set(results["controls"]["last-frame"]) == {"videos"}
    left = results["left_out"]["last-frame"]
    assert {task: list(reasons) for task, reasons in left.items()} == {
        task: ["no video"] for task in ("vqa", "sounds", "scenes")
    }


@pytest.fixture(scope="module", params=["false", "true"], ids=["decoded", "stored"])
def read(hearing, registry, tmp_path_factory, request):
    """The validation samples of a task under a control; without one, as they are."""
    recipe = load_recipe(hearing, [f"data.features={request.param}"], registry)
    with open_run(recipe, registry, tmp_path_factory.mktemp("opened")) as run:

        def samples(task, control=None):
            own = run.data.reader
            reader = ControlledReader(own, CONTROLS[control], 0, kinds_by_ending(run.data.inputs)) if control else own
            source = run.data.source(task, "validation")
            return list(EvaluationSamples(source, reader, SkippedLog(None, 1.0)))

        yield samples


def values(media):
    return media.arrays if media.features is None else media.features


@pytest.mark.parametrize("task", ["sounds", "scenes"])
def test_a_donor_lends_another_sound_and_another_picture(read, task):
    """Both of one sample, whatever form its file has; four pictures are shared out over all samples."""
    own, lent = read(task), read(task, "shuffled-media")
    assert [each.annotation.id for each in own] == [each.annotation.id for each in lent]
    known = [tuple(values(medium).tobytes() for medium in each.media) for each in own]
    for before, after in zip(own, lent, strict=True):
        assert [each.kind for each in after.media] == [each.kind for each in before.media]
        assert tuple(values(medium).tobytes() for medium in after.media) in known
        for old, new in zip(before.media, after.media, strict=True):
            assert values(old).tobytes() != values(new).tobytes()


def test_no_media_takes_sounds_away(read):
    assert [each.media for each in read("scenes", "no-media")] == [()] * 7
