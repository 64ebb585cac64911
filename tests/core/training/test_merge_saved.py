"""Weighted merges of saved grafts: what the new one's adapters add is the weighted sum of what the sources' add."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

import multigraft
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.loaded import load_all
from multigraft.core.graft.saving import GraftError, save_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.deltas import WeightedTask
from multigraft.core.model.merging import merge_sum
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.plugin_use import KEY, plugins_in_use
from multigraft.core.recipe.writing import dump_recipe

LORA = "graft.adapters=[{kind: lora, rank: 3, alpha: 5, sites: {inner: [query, up]}}]"
STABLE = "graft.adapters=[{kind: lora, rank: 4, alpha: 7, scaling: sqrt-rank, sites: {inner: [query, value]}}]"
PLAIN = ("graft.train={}", "graft.sharing=single")
NO_SUM = r"cannot be added to others at \S+: what it does is no matrix added to the weight"
QUERY, UP, VALUE = "decoder.1.self-attention.query", "decoder.1.feed-forward.up", "decoder.1.self-attention.value"


@pytest.fixture(scope="module")
def saved(recipe_file, registry, tmp_path_factory):
    """The folder of a saved graft over the recipe's trunk, its trained tensors moved by noise of a seed."""
    root = tmp_path_factory.mktemp("saved")

    def make(name, *overrides, seed=1, rest=0):
        """`rest` is the seed of what is no adapter's, equal in all grafts if left out."""
        if (root / name).is_dir():
            return root / name
        recipe = load_recipe(recipe_file, [*PLAIN, *overrides], registry)
        trunk = build_trunk(recipe, registry)
        model = build_model(recipe, registry, trunk)
        allocate(model, torch.device("cpu"))
        with torch.no_grad():
            for key, value in model.graft.bank.trained().items():
                own = seed if key.part.startswith("lora") else rest
                draw = torch.Generator().manual_seed(own * 10_007 + sum(key.text.encode()))
                value.add_(0.3 * torch.randn(value.shape, generator=draw))
        facts = {
            "trunk": dict(trunk.fingerprints), "tasks": list(recipe.tasks), "recipe": dump_recipe(recipe),
            "plugins": registry.versions(), KEY: plugins_in_use(recipe, registry),
            "media": {task: ["video" if task == "videos" else "image"] for task in recipe.tasks},
        }  # fmt: skip
        save_graft(root / name / "graft", model.graft.bank, facts)
        (root / name / "recipe.yaml").write_text(dump_recipe(recipe))
        return root / name

    return make


@pytest.fixture
def merged(registry, tmp_path):
    """Merge (folder, task, weight), into a folder of its own."""

    def make(*sources, rest_from=None, name="merged"):
        report = multigraft.merge(sources, tmp_path / name, rest_from, registry)
        return SimpleNamespace(folder=tmp_path / name, report=report)

    return make


@pytest.fixture
def one(saved):
    """A graft with a LoRA for each task."""
    return saved("per-task", LORA, "graft.sharing=per-task")


def tensors(folder, scope="shared"):
    return load_file(folder / "graft" / f"{scope}.safetensors")


def delta(folder, scope, site, scale, method="lora"):
    """`scale * up @ down` of a saved LoRA, in float64."""
    found = tensors(folder, scope)
    up, down = (found[f"{site}/{method}.{part}.weight"].double() for part in ("up", "down"))
    return scale * up @ down


def test_ranks_are_stacked_and_weights_scalings_and_signs_folded_into_one_factor(one, saved, merged):
    other = saved("stable", STABLE, "graft.sharing=single", seed=2)
    made = merged((one, "vqa", 0.7), (one, "captions", -1.5), (other, "vqa", -0.3))
    parts = [(one, "task-vqa", 0.7 * 5 / 3), (one, "task-captions", -1.5 * 5 / 3), (other, "shared", -0.3 * 7 / 2)]
    ranks = {QUERY: (10, parts), UP: (6, parts[:2]), VALUE: (4, parts[2:])}
    methods = {each["rank"]: each for each in made.report["adapters"]}
    assert sorted(methods) == [4, 6, 10]
    for site, (rank, own) in ranks.items():
        method, found = methods[rank], tensors(made.folder)
        assert site in method["sites"]
        up, down = (found[f"{site}/{method['name']}.{part}.weight"] for part in ("up", "down"))
        stored = [(tensors(folder, scope), weight) for folder, scope, weight in parts if (folder, scope, weight) in own]
        assert torch.equal(down, torch.cat([part[f"{site}/lora.down.weight"] for part, _ in stored]))
        ups = [weight * part[f"{site}/lora.up.weight"].double() for part, weight in stored]
        torch.testing.assert_close(up, torch.cat(ups, 1).float(), rtol=2e-7, atol=0)
        total = sum(delta(folder, scope, site, weight) for folder, scope, weight in own)
        torch.testing.assert_close(delta(made.folder, "shared", site, 1.0, method["name"]), total, atol=5e-7, rtol=0)
        assert total.abs().max() > 0.1


def loaded(folder, registry):
    return load_all({"it": folder}, registry)["it"].model


@pytest.mark.parametrize("sharing", ["single", "half-shared", '{kind: half-shared, shared: ["down.*"]}', "per-task"])
def test_a_merged_graft_does_what_the_trunk_with_the_merged_weights_does(
    sharing, saved, merged, registry, samples, batch_of
):
    one = saved(f"one-{sharing}", LORA, f"graft.sharing={sharing}")
    other = saved("stable", STABLE, seed=2)
    weights = {(one, "vqa"): 0.8, (one, "captions"): -0.6, (other, "videos"): 1.2}
    made = merged(*((folder, task, weight) for (folder, task), weight in weights.items()))
    model = loaded(made.folder, registry)
    assert model.graft.tasks == ("vqa", "captions", "videos")
    batch = batch_of(model, [each for each in samples if each.task in model.graft.tasks])
    said, losses = model.answers_and_losses(batch)

    bare = saved("bare", "graft.adapters=[]")
    plain = loaded(bare, registry)
    before = plain.answers_and_losses(batch)
    grafts = {folder: loaded(folder, registry).graft for folder in (one, other)}
    put = merge_sum(plain.backbone, [WeightedTask(grafts[f], task, weight) for (f, task), weight in weights.items()])
    expected = plain.answers_and_losses(batch)
    assert said == expected[0]
    for task, own in losses.items():
        torch.testing.assert_close(own[0].sum, expected[1][task][0].sum, atol=1e-4, rtol=1e-5)
        assert (own[0].sum - before[1][task][0].sum).abs() > 0.01
    put.restore()
    for task, own in plain.answers_and_losses(batch)[1].items():
        assert torch.equal(own[0].sum, before[1][task][0].sum)


def test_weight_one_alone_is_the_source_and_zero_lets_it_do_another_task(saved, merged, registry, samples, batch_of):
    one = saved("hypernetwork", LORA, "graft.sharing={kind: hypernetwork, embedding: 6, hidden: 6, projected: 4}")
    model, source = loaded(merged((one, "vqa", 1.0), (one, "videos", 0)).folder, registry), loaded(one, registry)
    assert [each for each in model.graft.bank.entries if "hypernetwork" in each.part] == []
    of_vqa = [each for each in samples if each.task == "vqa"]
    (loss, *_), (expected, *_) = (m.losses(batch_of(m, of_vqa), False)["vqa"] for m in (model, source))
    torch.testing.assert_close(loss.sum, expected.sum, atol=1e-5, rtol=1e-5)
    assert model.losses(batch_of(model, samples[-2:]), False).keys() == {"videos"}


def test_a_merged_graft_can_be_merged_again(one, saved, merged):
    other = saved("stable", STABLE, seed=2)
    first = merged((one, "vqa", 0.5), (other, "vqa", 1.0), name="first").folder
    again = merged((first, "vqa", -2.0), (one, "captions", 3.0), name="again")
    method = next(each["name"] for each in again.report["adapters"] if QUERY in each["sites"])
    total = sum(
        delta(folder, scope, QUERY, weight)
        for folder, scope, weight in (
            (one, "task-vqa", -5 / 3), (other, "shared", -2 * 7 / 2), (one, "task-captions", 5),
        )
    )  # fmt: skip
    torch.testing.assert_close(delta(again.folder, "shared", QUERY, 1.0, method), total, atol=2e-6, rtol=0)


# What is no adapter's


def test_prompts_that_differ_are_taken_from_the_source_that_is_named(one, saved, merged):
    other = saved("moved", STABLE, seed=2, rest=5)
    sources = (one, "vqa", 0.5), (other, "captions", 0.5)
    told = rf"shared/prompt/prompt\.\S+ is not the same in {one}:vqa and {other}:captions, and no sum is made of it"
    with pytest.raises(MultigraftError, match=told):
        merged(*sources)
    made = merged(*sources, rest_from=(other, "captions"))
    theirs = {name: value for name, value in tensors(other).items() if name.startswith("prompt/")}
    assert theirs
    assert all(torch.equal(tensors(made.folder)[name], value) for name, value in theirs.items())
    assert made.report["taken"] == {f"shared/{name}": [f"{other}:captions"] for name in theirs}
    assert json.loads((made.folder / "merge.json").read_text()) == made.report


HEADS = (
    "tasks.statements.objective={kind: classification, labels: ['true', 'false']}",
    "tasks.statements.evaluator=classify",
)


def test_the_head_of_a_task_is_that_of_its_source(one, saved, merged):
    other = saved("heads", LORA, *HEADS, seed=2)
    made = merged((one, "vqa", 0.5), (other, "statements", 0.5))
    assert {name: len(values) for name, values in tensors(made.folder, "task-statements").items()} != {}
    for name, value in tensors(other, "task-statements").items():
        assert torch.equal(tensors(made.folder, "task-statements")[name], value)
        assert made.report["taken"][f"task:statements/{name}"] == [f"{other}:statements"]


def test_two_heads_of_one_task_differ_until_one_is_named(saved, merged):
    one, other = saved("heads", LORA, *HEADS, seed=2), saved("other-heads", LORA, *HEADS, seed=3, rest=6)
    sources = (one, "statements", 0.5), (other, "statements", 0.5)
    with pytest.raises(MultigraftError, match="is not the same in"):
        merged(*sources)
    made = merged(*sources, rest_from=(one, "statements"))
    theirs = tensors(one, "task-statements")
    assert all(torch.equal(value, theirs[name]) for name, value in tensors(made.folder, "task-statements").items())


def test_trained_norms_are_no_delta_and_those_without_a_place_are_told(one, saved, merged):
    normed = saved("normed", LORA, "graft.train={norms: true}", seed=2)
    sources = (one, "vqa", 0.5), (normed, "vqa", 0.5)
    with pytest.raises(MultigraftError, match=rf"`graft\.train` of {one}:vqa and {normed}:vqa differ; name the source"):
        merged(*sources)
    made = merged(*sources, rest_from=(one, "vqa"), name="without")
    assert made.report["left"].keys() == {f"{normed}:vqa"}
    assert "encoder.0.self-attention.norm/norms.weight" in made.report["left"][f"{normed}:vqa"]
    made = merged(*sources, rest_from=(normed, "vqa"), name="with")
    name = "encoder.0.self-attention.norm/norms.weight"
    assert torch.equal(tensors(made.folder)[name], tensors(normed)[name])
    assert made.report["left"] == {}


# Refusals


@pytest.mark.parametrize(
    ("adapter", "reason"),
    [
        ("dora", rf"adapter 'dora' of \S+:vqa {NO_SUM}"),
        ("ia3", rf"adapter 'ia3' of \S+:vqa {NO_SUM}"),
        ("bottleneck", r"adapter 'bottleneck' of \S+:vqa cannot be merged at \S+: it is a block"),
        ("prefix", r"adapter 'prefix' of \S+:vqa cannot be merged at \S+: a prefix is no part"),
    ],
)
def test_a_method_whose_effect_is_no_sum(one, adapter, reason, saved, merged, tmp_path):
    one, bad = (
        saved("per-task", LORA, "graft.sharing=per-task"),
        saved(adapter, f"graft.adapters=[{{kind: {adapter}}}]"),
    )
    with pytest.raises(MultigraftError, match=reason):
        merged((one, "vqa", 0.5), (bad, "vqa", 0.5))
    assert not (tmp_path / "merged").exists()


def test_another_trunk(one, saved, merged):
    other = saved("deeper", LORA, "trunk.backbone.architecture.num_layers=3")
    with pytest.raises(GraftError, match=rf"{other}/graft: this graft belongs to another trunk\. Its backbone was"):
        merged((one, "vqa", 0.5), (other, "vqa", 0.5))


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_no_finite_number(one, weight, saved, merged):
    with pytest.raises(MultigraftError, match=rf"the weight of {one}:vqa is {weight}; give a finite number"):
        merged((one, "vqa", weight))


def test_a_weight_that_is_too_large_for_the_stored_numbers(one, saved, merged):
    with pytest.raises(MultigraftError, match="the weights are so large that the sum at encoder"):
        merged((one, "vqa", 1e60))


def test_paths_are_right_from_two_roots(one, saved, merged, shards):
    other = saved("elsewhere", STABLE, "data.root=/elsewhere", seed=2)
    made = load_recipe(merged((one, "vqa", 0.5), (other, "videos", 0.5)).folder / "recipe.yaml")
    assert made.tasks["vqa"].data["train"] == [f"{shards}/pictures-train-*.tar"]
    assert made.tasks["videos"].data["train"] == ["/elsewhere/videos-train-*.tar"]


def test_groups_of_tasks_of_which_some_are_not_named(saved, merged):
    groups = "trunk.prompt.sharing={kind: groups, groups: {a: [vqa, captions], b: [statements, videos]}}"
    own = saved("groups", LORA, groups)
    told = r"trunk\.prompt\.0\.sharing\.\S+: .*no task is named 'statements'.*weight of 0"
    with pytest.raises(MultigraftError, match=told):
        merged((own, "vqa", 0.5), (own, "captions", 0.5))
    made = merged((own, "vqa", 0.5), *((own, task, 0) for task in ("captions", "statements", "videos")))
    kept = tensors(own, "group-b")
    assert kept
    assert all(torch.equal(tensors(made.folder, "group-b")[name], value) for name, value in kept.items())


def test_sources_that_are_none(one, saved, merged, tmp_path):
    whole = saved("whole", "graft.adapters=[]", "graft.train={backbone: true}")
    for sources, rest_from, reason in (
        ([], None, "name at least one task of a run and its weight"),
        ([(one, "vqa", 0.5), (one, "vqa", 0.2)], None, f"{one}:vqa is named twice; give it one weight"),
        ([(one, "vqaa", 0.5)], None, f"{one} has no task 'vqaa'; did you mean 'vqa'"),
        ([(one, "vqa", 0.5)], (one, "captions"), f"{one}:captions is none of the sources {one}:vqa"),
        ([(whole, "vqa", 0.5)], None, f"{whole} has trained its backbone in place"),
        ([(tmp_path / "none", "vqa", 0.5)], None, "no folder"),
    ):
        with pytest.raises(MultigraftError, match=reason):
            merged(*sources, rest_from=rest_from)


def test_a_folder_that_is_there_already(one, saved, merged, tmp_path):
    (tmp_path / "merged").mkdir()
    with pytest.raises(MultigraftError, match="is there already; name a new folder"):
        merged((one, "vqa", 0.5))


def test_tasks_of_one_name_that_are_not_the_same(one, saved, merged):
    other = saved("prefixed", LORA, "tasks.vqa.prefix='answer:'", seed=2)
    with pytest.raises(MultigraftError, match=rf"`tasks\.vqa` of {one}:vqa and {other}:vqa differ; name the source"):
        merged((one, "vqa", 0.5), (other, "vqa", 0.5))
    made = merged((one, "vqa", 0.5), (other, "vqa", 0.5), rest_from=(other, "vqa"))
    assert load_recipe(made.folder / "recipe.yaml").tasks["vqa"].prefix == "answer:"
