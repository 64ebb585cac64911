"""`check` of objectives: the rows that they need of a batch, and keys that would change nothing."""

import json

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.recipe.loading import load_recipe

BERT = (
    "trunk.backbone={kind: bert, weights: random, architecture: {vocab_size: 4000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24}}"
)
PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
COLOURS = "[red, green, blue, dark red, dark green, dark blue]"
ROWS = "raise `train.batch`, or let `train.sampler` draw the task more often, or whole batches of it (`round-robin`)"


def tasks(*objectives):
    """Pairs with these objectives, beside a task that sorts into colours."""
    pairs = f"{{kind: image-text-pairs, annotations: captions, {PICTURES}, evaluator: loss, objective: [{', '.join(objectives)}]}}"  # noqa: E501
    colours = f"objective: {{kind: classification, labels: {COLOURS}}}, evaluator: classify"
    return BERT, f"tasks={{pairs: {pairs}, vqa: {{kind: visual-question-answering, {PICTURES}, {colours}}}}}"


@pytest.fixture
def check(run, recipe_file):
    """Place, message and hint of what `check` finds in the recipe of tests/core/conftest.py with overrides."""

    def problems(*overrides):
        words = [word for one in overrides for word in ("--set", one)]
        outcome = run("check", recipe_file, *words, "--json")
        assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
        return [(each["path"], each["message"], each["hint"]) for each in json.loads(outcome.stdout)["problems"]]

    return problems


def test_a_batch_with_fewer_rows_than_an_objective_needs(check):
    """Two tasks draw three rows in turn: one and two, or two and one."""
    message = "`matching` needs 2 rows of a batch, and step 1 has 1 of the task"
    assert check(*tasks("masked-words", "matching"), "train.batch=3") == [("tasks.pairs.objective.1", message, ROWS)]


@pytest.mark.parametrize("override", ["train.batch=4", "train.batch=3", "train.sampler=round-robin"])
def test_batches_with_rows_enough_or_none(check, override):
    objective = "masked-words" if override == "train.batch=3" else "matching"
    assert check(*tasks(objective), "train.batch=3", override) == []


def test_each_stage_is_looked_at(check):
    few = "{steps: 1, sampler: {kind: weights, weights: {pairs: 1, vqa: 7}}}"
    ((place, message, _),) = check(*tasks("matching"), f"train={{batch: 8, stages: [{{steps: 5000}}, {few}]}}")
    assert place == "tasks.pairs.objective.0"
    assert message == "`matching` needs 2 rows of a batch, and step 5001 has 1 of the task"


def test_training_refuses_it_before_it_begins(train, tmp_path):
    with pytest.raises(OptionError, match="`matching` needs 2 rows of a batch, and step 1 has 1 of the task; raise"):
        train(tmp_path / "run", *tasks("matching"), "train.batch=3")
    assert not (tmp_path / "run/checkpoints").exists()


def test_sharing_of_an_objective_without_modules(check):
    message = "`masked-words` has no modules that tasks could share"
    found = check(*tasks("{kind: masked-words, sharing: single}", "{kind: contrastive, sharing: single}"))
    assert found == [("tasks.pairs.objective.0.sharing", message, "leave it out")]
    assert check(*tasks("{kind: masked-words, sharing: per-task}")) == []


def test_an_objective_whose_modules_cannot_be_made_is_pointed_at(check):
    message = "it compares visual media with texts, and the trunk has no encoder for them"
    blind = ("trunk.encoder=null", "trunk.prompt=null")
    assert check(*tasks("masked-words", "contrastive"), *blind) == [("tasks.pairs.objective.1", message, "")]


def test_a_module_of_two_objectives_goes_by_one_rule(check):
    contrast = "{kind: contrastive, width: 8, sharing: single}"
    message = "its module 'media-projection' is that of another objective, which says another `sharing`"
    assert check(*tasks(contrast, "{kind: contrastive, width: 8}")) == [
        ("tasks.pairs.objective.1.sharing", message, "say the same for both")
    ]
    assert check(*tasks(contrast, contrast)) == []


def test_likeness_needs_what_another_objective_trains(check):
    alike = "{kind: matching, negatives: alike}"
    message = "it reads the module 'media-projection' of another objective of its task, and none has it"
    assert [found[:2] for found in check(*tasks(alike))] == [("tasks.pairs.objective.0", message)]
    assert check(*tasks(alike, "{kind: contrastive, width: 8}")) == []
    assert check(*tasks("{kind: contrastive, width: 8}", "matching")) == []


@pytest.mark.parametrize("key", ["teacher: true", "modality: audio"])
def test_what_measures_likeness_where_negatives_are_drawn_evenly(check, key):
    ((place, message, _),) = check(*tasks(f"{{kind: matching, {key}}}"))
    assert place == "tasks.pairs.objective.0"
    assert message == f"with `negatives: even` nothing reads `{key.partition(':')[0]}`"


def test_a_recipe_with_all_defaults_written_out_is_as_well(check, registry, recipe_file):
    """As in the folder of a run."""
    written = load_recipe(recipe_file, tasks("matching"), registry).tasks["pairs"].model_dump()["objective"]
    assert written["modality"] == "visual"
    assert check(*tasks(json.dumps(written))) == []


def test_a_teacher_that_nothing_learns_from(check):
    slow = "train.teacher.momentum=0.9"
    message = "no objective of this recipe learns from a teacher"
    assert check(*tasks("contrastive"), slow) == [("train.teacher", message, "leave it out")]
    assert check(*tasks("{kind: contrastive, teacher: true}"), slow) == []
    assert check(*tasks("contrastive"), "train.teacher.momentum=0.995") == []
