"""What `check` says of a recipe's search, before anything is trained: each problem at the value it comes from."""

import pytest

from multigraft import RecipeError
from multigraft.core.check.recipe_check import check_deep, check_search, check_shape
from multigraft.core.library import train_checked

PROMPT = "{kind: learned, tokens: 2, stack: encoder, place: front, layer: 0}"

DATA = "{train: [train-*.tar], validation: [validation-*.tar], search: [search-*.tar]}"
ALONE = f"{{first: {{kind: text-denoising, data: {DATA}}}}}"


@pytest.fixture
def checked(recipe, registry):
    """Check the recipe with some overrides, as a search does; returns the subject."""

    def check(*overrides, to_begin=True):
        return check_search(check_deep(check_shape(recipe, overrides, registry)), to_begin)

    return check


def choice(keys, values, more=""):
    return f"search.choices.stack={{keys: {keys}, values: {values}{more}}}"


def test_a_good_search_is_well(checked):
    assert checked().recipe.search


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["search.choices.stack.keys=train.batch"], "search.choices.stack.keys: `train.batch` cannot be chosen"),
        (["search.choices.stack.keys=tasks.first.data"], "`tasks.first.data` cannot be chosen"),
        (["search.choices.stack.keys=tasks.first.prefix"], "`tasks.first.prefix` cannot be chosen"),
        (["search.choices.stack.keys=graft..adapters"], "`graft..adapters` cannot be chosen"),
        ([choice("tasks.frist.prompt", "[null, 1]")], "no task named 'frist'"),
        ([choice("graft.adapters.3.width", "[1, 2]")], "search.choices.stack.keys: '3' is no item of this list"),
        (["search.trains=backbone"], "with `trains: backbone` the search has no adapters, and "),
        (["search.choices.stack.keys=tasks.first.objective.weight"], "with `reward: loss` values of"),
        (["search.choices.more={keys: graft.adapters.0.sites, values: [{stack: [encoder]}, {}]}"],
         "`graft.adapters.0.sites` lies in what the choice 'stack' sets too, `graft.adapters.0.sites.stack`"),
        (["search.reward=metric", "tasks.first.evaluator=loss"],
         "tasks.first.evaluator: it gives no score, which `search.reward: metric` asks for"),
        (["search.split=validation"], "search.split: the split 'validation' is for another use"),
        (["tasks.first.data={train: [train-*.tar]}"], "tasks.first.data: no split 'search', which the search is"),
        (["tasks.first.data.search=[train-*.tar]"],
         "tasks.first.data.search: 1 of its shards are in the split 'train' of 'first' too"),
        (["search.share=0.001"], "is less than one step of the search, which trains 8 samples and scores 5 times 4"),
        (["search.steps=1000"], "search.steps: `search.share: 0.2` allows 35 steps, and not 1,000"),
        (["search.strategy=sweep", "search.steps=1"], "search.strategy: a sweep over 2 combinations needs as many"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_said(overrides, message, checked):
    with pytest.raises(RecipeError) as caught:
        checked(*overrides)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (choice("graft.adapters.0.width", "[4, none]"),
         'with `graft.adapters.0.width: "none"`, graft.adapters.0.width: expected a whole number'),
        (choice("graft.adapters.0.sites.stack", "[[encoder], [middle]]"),
         'with `graft.adapters.0.sites.stack: ["middle"]`, graft.adapters.0.sites.stack.0: no site of'),
        (choice("trunk.prompt", f"[[], {PROMPT.replace('layer: 0', 'layer: 7')}]"),
         "the encoder has the layers 0 to 1"),
        (choice("graft.adapters.0.kind", "[bottleneck, lora]"),
         'with `graft.adapters.0.kind: "lora"`, options stay that are those of another kind: graft.adapters.0'),
        (choice("graft.adapters.0.kind", "[bottleneck, lorra]"), "graft.adapters.0.kind: no adapter named 'lorra'"),
        (choice("graft.adapters.0.name", "[own, norms]"), "'norms' is a name of the graft's own"),
        (choice("graft.sharing", "[single, {kind: groups, groups: {all: [first, second, third]}}]"),
         "graft.sharing.groups.all.2: no task named 'third'"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_graft_is_pointed_at(override, problem, checked):
    with pytest.raises(RecipeError) as caught:
        checked(override)
    found = caught.value.problems
    assert any(problem in each.message for each in found)
    assert {each.path for each in found} == {"search.choices.stack.values.1"}


def test_an_objective_that_cannot_learn_the_targets_is_pointed_at(checked):
    labels = "[generation, {kind: classification, labels: [no, maybe]}]"
    with pytest.raises(RecipeError) as caught:
        checked(choice("tasks.first.objective", labels), "search.reward=metric")
    assert any("target 'yes' is none of the labels" in each.message for each in caught.value.problems)
    assert {each.path for each in caught.value.problems} == {"search.choices.stack.values.1"}


def test_values_that_make_no_recipe_together_are_told_together(checked):
    """Without norms there must be adapters, and without adapters norms; each alone is told nothing of."""
    norms = "search.choices.norms={keys: graft.train.norms, values: [true, false]}"
    with pytest.raises(RecipeError) as caught:
        checked(choice("graft.adapters", "[[bottleneck], []]"), norms)
    (problem,) = caught.value.problems
    assert "with `graft.adapters: []` and `graft.train.norms: false`, graft: this recipe trains" in problem.message


def test_what_one_value_brings_about_is_told_once(checked):
    """And not again of the draws that have it beside other values."""
    sharing = "search.choices.sharing={keys: graft.sharing, values: [single, per-task]}"
    with pytest.raises(RecipeError) as caught:
        checked(choice("graft.adapters", "[[bottleneck], []]"), sharing)
    told = [each.message for each in caught.value.problems]
    assert [each for each in told if "this recipe trains nothing" in each] == [
        next(each for each in told if each.startswith("with `graft.adapters: []`, graft: this recipe trains nothing"))
    ]


def test_a_start_of_adapters_is_none_for_a_backbone_that_is_trained(checked, recipe, registry, tmp_path):
    run = tmp_path / "run"
    quick = ("search=null", "train.steps=1", f"tasks={ALONE}")
    train_checked(check_shape(recipe, quick, registry), run, False, "")
    prompts = choice("trunk.prompt", f"[[], {PROMPT}]")
    started = [f"graft.start=run:{run}", f"tasks={ALONE}"]
    assert checked(prompts, *started)
    with pytest.raises(RecipeError, match=r"search\.trains: .*nothing of this graft fits"):
        checked(prompts, *started, "search.trains=backbone")


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ([choice("graft.adapters.0", "[{kind: bottleneck, width: 4}, {kind: bottleneck, width: 4, sites: {}}]")],
         "makes the same recipe as"),
        ([choice("graft.sharing", "[single, per-task]"), "graft.adapters.0.sharing=single"],
         "graft.sharing: no adapter goes by this rule"),
        ([choice("trunk.prompt.layer", "[0, 1]", ", tasks: [first]"), f"trunk.prompt={PROMPT}",
          f"tasks.first.prompt={PROMPT}"], "tasks.0: task 'first' does not read `trunk.prompt.layer`"),
        ([choice("graft.sharing", "[single, per-task]"), f"tasks={ALONE}"],
         'values.1: "per-task" makes the same graft as "single"'),
        ([choice("graft.sharing", "[hypernetwork, single, {kind: groups, groups: {all: [first, second]}}]")],
         '["first", "second"]}} makes the same graft as "single"'),
        ([choice("graft.adapters.0", "[{kind: bottleneck}, {kind: bottleneck, sharing: per-task}]"), f"tasks={ALONE}"],
         'values.1: {"kind": "bottleneck", "sharing": "per-task"} makes the same graft as {"kind": "bottleneck"}'),
        ([choice("trunk.prompt.layer", "[0, 1]"), f"tasks.first.prompt={PROMPT}", f"tasks.second.prompt={PROMPT}"],
         "every task has a prompt of its own, and none reads `trunk.prompt.layer`"),
    ],
)  # fmt: skip
def test_a_choice_that_changes_nothing_is_refused(overrides, problem, checked):
    with pytest.raises(RecipeError) as caught:
        checked(*overrides)
    assert problem in str(caught.value)


def test_rules_that_come_to_the_same_beside_some_values_alone_may_be_chosen(checked):
    """The first adapter goes by the rule for all unless it has its own: the same where both are `single`."""
    own = "search.choices.own={keys: graft.adapters.0.sharing, values: [null, single]}"
    two = "graft.adapters=[{kind: bottleneck, sites: {stack: [encoder]}}, {kind: lora, rank: 2}]"
    assert checked(choice("graft.sharing", "[single, per-task]"), own, two)


def test_rules_that_differ_for_one_task_may_be_chosen(checked):
    assert checked(choice("graft.sharing", "[single, hypernetwork]"), f"tasks={ALONE}")


def test_a_training_that_is_too_short_for_a_search_is_noted_by_check_alone(checked):
    told = "`search.share: 0.2` of 2 steps of training is less than one step of the search"
    (note,) = (each for each in checked("train.steps=2", to_begin=False).notes if "search" in each)
    assert note.startswith(f"`multigraft search` would refuse this recipe: {told}")
    with pytest.raises(RecipeError, match=told):
        checked("train.steps=2")


def test_the_commands_tell_it_before_anything_is_trained(recipe, command, tmp_path):
    wrong = "search.choices.stack.values=[[encoder], [middle]]"
    for verb in (["check", recipe], ["search", recipe, "--run", tmp_path / "run"]):
        done = command(*verb, "--set", wrong)
        assert done.returncode == 2
        assert "search.choices.stack.values.1: with `graft.adapters.0.sites.stack: " in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
