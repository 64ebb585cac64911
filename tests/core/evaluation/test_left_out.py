"""Samples that a control cannot change are left out and named; nothing is ever given its own media."""

import itertools
import json
from io import BytesIO
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from multigraft.core.data.evaluation_samples import EvaluationSamples, LeftOut
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.evaluation.controls import CONTROLS, ControlledReader
from multigraft.core.evaluation.left_out import without
from multigraft.core.evaluation.results import final_results
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer
from multigraft.core.types.prediction import Prediction

ANSWER = (ScoredAnswer(text="red"),)
NO_DONOR = "no sample of the task has other media of these kinds"


def png(colour):
    stream = BytesIO()
    Image.new("RGB", (16, 16), (colour, 40, 200 - colour)).save(stream, "PNG")
    return stream.getvalue()


def film(colours):
    """A clip with one frame of each colour, four a second."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=4)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for colour in colours:
            frame = np.full((32, 32, 3), colour, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


def ask(task, name, *media):
    return Annotation(id=name, task=task, text="what?", answers=ANSWER, media=media)


MEDIA = {
    "a": {"0.png": png(10), "1.png": png(20)},
    "b": {"0.png": png(10), "1.png": png(30)},
    "c": {"0.png": png(20), "1.png": png(40)},
    "f": {"mp4": film([20, 90, 160])},
    "g": {"mp4": film([60])},
    "h": {"mp4": film([90, 90, 90, 90])},
    "i": {"mp4": film([20, 160])},
}
"""The first pictures of `a` and `b` have the same bytes; so have the second of `a` and the first of `c`."""
PAIR = ("0.png", "1.png")
ASKED = {
    "a": [
        ask("pairs", "a/01", *PAIR), ask("pictures", "a/one", "0.png"), ask("pictures", "a/two", "0.png"),
        ask("pictures", "a/other", "1.png"), ask("mixed", "a/mixed", "0.png"),
    ],
    "b": [
        ask("pairs", "b/01", *PAIR), ask("pictures", "b/again", "0.png"), ask("pictures", "b/other", "1.png"),
        ask("same", "b/same", "0.png"), ask("same", "b/too", "0.png"),
    ],
    "c": [
        ask("pairs", "c/01", *PAIR), ask("pairs", "c/10", *PAIR[::-1]), ask("pairs", "c/single", "1.png"),
        ask("lone", "c/lone", "0.png"),
    ],
    "f": [ask("films", "f/moves", "mp4"), ask("mixed", "f/mixed", "mp4")],
    "g": [ask("films", "g/one frame", "mp4")],
    "h": [ask("films", "h/still", "mp4")],
    "i": [ask("films", "i/two frames", "mp4")],
}  # fmt: skip
TASKS = ("pictures", "pairs", "same", "lone", "films", "mixed")


@pytest.fixture(scope="module")
def overrides(tmp_path_factory):
    """Overrides of a recipe: the records, and one kind of task under six names."""
    folder = tmp_path_factory.mktemp("left-out")
    with ShardWriter(folder, "all", 4) as writer:
        for key, media in MEDIA.items():
            writer.write(key, Record(id=key, source="drawings", annotations=tuple(ASKED[key])), media)
    task = "{kind: visual-question-answering, data: {train: [all-*.tar], validation: [all-*.tar]}}"
    return f"tasks={{{', '.join(f'{name}: {task}' for name in TASKS)}}}", f"data.root={folder}"


@pytest.fixture(scope="module")
def opened(recipe_file, overrides, registry, tmp_path_factory):
    with open_run(load_recipe(recipe_file, overrides, registry), registry, tmp_path_factory.mktemp("run")) as run:
        yield run


def reasons(reader):
    return {left.annotation: left.reason for left in reader.left_out}


@pytest.fixture
def read(opened):
    """Samples of a task by id under a control, and what was left out with its reason."""

    def samples(task, control=None, seed=0):
        kinds = {ending: each.kind for each in opened.data.inputs for ending in each.extensions}
        source, log = opened.data.source(task, "validation"), SkippedLog(None, 1.0)
        reader = ControlledReader(opened.data.reader, CONTROLS[control or "untrained"], seed, kinds)
        found = {each.annotation.id: each for each in EvaluationSamples(source, reader, log)}
        assert not log.listed
        return SimpleNamespace(found=found, left_out=reasons(reader))

    return samples


def shown(samples):
    return {name: [media.arrays.tobytes() for media in sample.media] for name, sample in samples.found.items()}


@pytest.mark.parametrize("seed", range(5))
def test_no_picture_of_a_sample_is_in_what_it_is_given(seed, read):
    for task in TASKS:
        own, given = shown(read(task)), shown(read(task, "shuffled-media", seed))
        for name, media in given.items():
            assert not set(media) & set(own[name]), name
            assert len(media) == len(own[name])
        assert given == shown(read(task, "shuffled-media", seed))


def test_donors_have_other_media_wherever_these_lie(read):
    """Those of `a/one`: the picture of `a/two` is its own, that of `b/again` has the same bytes."""
    own = shown(read("pictures"))
    given = {seed: shown(read("pictures", "shuffled-media", seed)) for seed in range(60)}
    lenders = {name: {tuple(media[name]) for media in given.values()} for name in ("a/one", "a/two", "b/again")}
    others = {tuple(own["a/other"]), tuple(own["b/other"])}
    assert lenders == dict.fromkeys(lenders, others)
    assert {tuple(media["a/other"]) for media in given.values()} == {tuple(own["a/one"]), tuple(own["b/other"])}


def test_a_pair_is_given_a_pair(read):
    given = read("pairs", "shuffled-media")
    assert given.left_out == {"a/01": NO_DONOR, "c/single": NO_DONOR}
    own = shown(read("pairs"))
    assert shown(given) == {"b/01": own["c/01"], "c/01": own["b/01"], "c/10": own["b/01"]} or shown(given) == {
        "b/01": own["c/10"], "c/01": own["b/01"], "c/10": own["b/01"]
    }  # fmt: skip


@pytest.mark.parametrize(("task", "names"), [("same", {"b/same", "b/too"}), ("lone", {"c/lone"})])
def test_a_task_without_donors(task, names, read):
    given = read(task, "shuffled-media")
    assert given.found == {}
    assert given.left_out == dict.fromkeys(names, NO_DONOR)


def test_a_picture_is_no_donor_for_a_film(read):
    assert read("mixed", "shuffled-media").left_out == {"a/mixed": NO_DONOR, "f/mixed": NO_DONOR}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("control", "left_out"),
    [
        ("shuffled-frames", {"g/one frame", "h/still"}),
        ("reversed-frames", {"g/one frame", "h/still"}),
        ("last-frame", {"g/one frame"}),
    ],
)
def test_frames_that_stay_as_they_are(seed, control, left_out, read):
    own, given = shown(read("films")), read("films", control, seed)
    assert given.left_out == dict.fromkeys(left_out, "its frames stay as they are")
    assert all(media != own[name] for name, media in shown(given).items())
    assert given.found.keys() == own.keys() - left_out


def test_frames_are_shuffled_uniformly_over_the_other_orders(read):
    (own,) = read("films").found["f/moves"].media
    frames = [frame.tobytes() for frame in own.arrays]
    orders = [
        tuple(
            frames.index(frame.tobytes())
            for frame in read("films", "shuffled-frames", seed).found["f/moves"].media[0].arrays
        )
        for seed in range(100)
    ]
    assert set(orders) == set(itertools.permutations(range(3))) - {(0, 1, 2)}


def test_what_is_left_out_stands_in_the_results_and_on_the_terminal(opened, capsys):
    final_results(opened, "validation", ["shuffled-media", "shuffled-frames", "no-media"])
    results = json.loads(json.dumps(opened.results))
    shuffled = results["controls"]["shuffled-media"]
    assert list(shuffled) == ["pictures", "pairs", "films"]
    assert shuffled["pairs"]["n"] == 3
    assert shuffled["pairs"]["left_out"] == {NO_DONOR: {"n": 2, "annotations": ["a/01", "c/single"]}}
    assert "left_out" not in shuffled["pictures"]
    assert results["left_out"]["shuffled-media"]["lone"] == {NO_DONOR: {"n": 1, "annotations": ["c/lone"]}}
    assert results["left_out"]["no-media"] == {}
    frames = results["controls"]["shuffled-frames"]
    assert {task: report["n"] for task, report in frames.items()} == {"films": 2, "mixed": 1}
    assert frames["mixed"]["left_out"] == {"no video": {"n": 1, "annotations": ["a/mixed"]}}
    assert list(results["left_out"]["shuffled-frames"]) == ["pictures", "pairs", "same", "lone"]
    told = capsys.readouterr().err
    assert f"shuffled-media leaves out task 'lone': {NO_DONOR} (c/lone)\n" in told
    assert f"shuffled-media leaves out 2 of 5 samples of 'pairs': {NO_DONOR} (a/01, c/single)\n" in told
    assert "shuffled-frames leaves out 1 of 2 samples of 'mixed': no video (a/mixed)\n" in told
    assert "shuffled-frames leaves out task 'pictures': no video\n" in told


def test_without_media_there_is_nothing_to_take_away(recipe_file, registry, tmp_path):
    blind = ("trunk.encoder=null", "trunk.prompt=null")
    with open_run(load_recipe(recipe_file, blind, registry), registry, tmp_path) as run:
        final_results(run, "validation", ["no-media", "shuffled-media"])
        assert run.results["controls"] == {"no-media": {}, "shuffled-media": {}}
        assert run.results["left_out"]["no-media"]["vqa"]["no media"]["n"] == 10


def test_stored_features_are_lent_and_shuffled_as_media_are(opened, recipe_file, overrides, registry, tmp_path):
    recipe = load_recipe(recipe_file, (*overrides, "data.features=true"), registry)
    names = {}
    for data in (opened.data, None):
        with open_run(recipe, registry, tmp_path) as run:
            for control in ("shuffled-media", "shuffled-frames"):
                source = (data or run.data).source("films", "validation")
                reader = ControlledReader((data or run.data).reader, CONTROLS[control], 0)
                found = list(EvaluationSamples(source, reader, SkippedLog(None, 1.0)))
                assert all((media.features is None) == bool(data) for each in found for media in each.media)
                names.setdefault(control, []).append(([each.annotation.id for each in found], reasons(reader)))
    assert all(decoded == stored for decoded, stored in names.values())


def test_an_id_that_is_in_use_in_two_records_takes_no_other_row_away():
    def row(key):
        return Prediction("0", "red", ("red",), media=(f"all-0.tar#{key}.0.png",))

    assert without([row("a"), row("ab"), row("b")], [LeftOut("all-0.tar", "a", "0", "no video")]) == [
        row("ab"),
        row("b"),
    ]


def test_a_picture_that_no_changed_sample_is_about_ranks_no_texts():
    """Rankings of a split with pictures and videos, under a control of frames."""
    left = [LeftOut("all-0.tar", "a", name, "no video") for name in ("one", "two")]
    media = ("all-0.tar#a.0.png",), ("all-0.tar#f.mp4",)
    texts = [Prediction("one", "", (), media=media[0], relevant=media[0]), Prediction("moves", "", (), media=media[1])]
    shown = [
        Prediction(media[0][0], "one", (), media=media[0], relevant=("one", "two")),
        Prediction(media[1][0], "one", (), media=media[1], relevant=("moves",)),
    ]
    assert without([*texts, *shown], left) == [texts[1], shown[1]]
