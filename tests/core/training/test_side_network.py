"""A side network in whole runs: stopped, resumed, saved, shown, and answering beside other grafts."""

import json
import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.evaluation.questions import Question

LADDER = "graft={{adapters: [{{kind: ladder, reduction: 2{}}}], sharing: per-task}}"
SIX = (
    "train.steps=6", "train.checkpoint_every=3", "train.batch=6", "eval.limit=3", "eval.final_split=none",
    "train.optimizer={rate: 0.01, schedule: constant, warmup: 0}",
)  # fmt: skip
LAST = "checkpoints/00000006/graft"


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    train(folder, LADDER.format(""), *SIX)
    return folder


@pytest.fixture(scope="module")
def same(train, tmp_path_factory):
    """A ladder whose trunk is computed as everything else."""
    folder = tmp_path_factory.mktemp("same")
    train(folder, LADDER.format(", trunk_precision: same"), *SIX)
    return folder


@pytest.fixture(scope="module")
def wide(train, tmp_path_factory):
    """Bottlenecks over the same trunk."""
    folder = tmp_path_factory.mktemp("wide")
    train(folder, *SIX)
    return folder


@pytest.fixture
def questions(tmp_path, picture_file):
    (tmp_path / "red.png").write_bytes(picture_file((220, 30, 30)))
    (tmp_path / "blue.png").write_bytes(picture_file((30, 30, 220)))
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    asked = [
        ("wide", "vqa", (red,)),
        ("same", "vqa", (red,)),
        ("same", "statements", (red, blue)),
        ("wide", "vqa", (blue,)),
    ]
    return [Question(task, "what colour?", media, graft=graft) for graft, task, media in asked]


def test_a_run_that_was_stopped_ends_with_the_same_bits(straight, train, tmp_path):
    train(tmp_path / "half", LADDER.format(""), *SIX, "train.steps=3")
    train(tmp_path / "half", LADDER.format(""), *SIX, resume=True)
    files = sorted(path.name for path in (straight / LAST).glob("*.safetensors"))
    assert len(files) > 1
    for name in files:
        assert (tmp_path / "half" / LAST / name).read_bytes() == (straight / LAST / name).read_bytes()


def test_a_mistyped_key_is_refused(straight, registry, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    file = tmp_path / "run" / LAST / "task-vqa.safetensors"
    tensors = load_file(file)
    name = next(each for each in tensors if each.endswith("gate"))
    save_file({(f"{key}s" if key == name else key): value for key, value in tensors.items()}, file)
    with pytest.raises(MultigraftError, match="does not hold the tensors"), Predictor.load(tmp_path / "run", registry):
        pass


def test_it_answers_beside_another_graft_what_it_says_alone(same, wide, registry, questions):
    folders = {"same": same, "wide": wide}
    with Predictor.load(folders, registry) as both:
        together = both.answer(questions)
    for question, reply in zip(questions, together, strict=True):
        with Predictor.load(folders[question.graft], registry) as single:
            (alone,) = single.answer([Question(question.task, question.text, question.media)])
        assert reply.output == alone.output
        assert (reply.score or 0.0) == pytest.approx(alone.score or 0.0, abs=1e-4)


def test_a_trunk_in_another_precision_is_refused_beside_others(straight, wide, registry, questions):
    asked = [replace(each, graft={"same": "straight"}.get(each.graft, each.graft)) for each in questions]
    both = Predictor.load({"straight": straight, "wide": wide}, registry)
    with both, pytest.raises(MultigraftError, match="trunk_precision: same"):
        both.answer(asked)


def test_show_tells_its_parts(straight, command):
    shown = json.loads(command("show", straight / "recipe.yaml", "--json").stdout)
    parts = shown["parameters"]["by_part"]
    assert parts["ladder.gate"] == sum(len(row["layers"]) for row in shown["sites"] if row["layers"]) * 4
