"""`plugins list`, `plugins show` and `plugins doctor`."""

import json

import pytest

from multigraft.core.registry.hookspecs import ENTRY_POINT_GROUP, KINDS


def test_list(run):
    assert "multigraft" in run("plugins", "list").stdout
    ours, quickstart = json.loads(run("plugins", "list", "--json").stdout)[:2]
    assert (ours["name"], ours["state"], ours["error"]) == ("multigraft", "loaded", "")
    assert {component["kind"] for component in ours["components"]} == set(KINDS)
    assert (quickstart["name"], quickstart["state"]) == ("quickstart", "loaded")
    assert "data quickstart" in quickstart["commands"]


def test_show_gives_options_with_their_help(run):
    shown = json.loads(run("plugins", "show", "multigraft", "--json").stdout)
    (bottleneck,) = [one for one in shown["components"] if one["name"] == "bottleneck"]
    assert bottleneck["options"]["width"] == "Width of the bottleneck."
    assert bottleneck["source"].rpartition(":")[0].endswith("plugins/adapters/options.py")
    assert bottleneck["types"]["width"] == "whole number or null, >= 1, <= 1048576"
    assert "    width: Width of the bottleneck.\n" in run("plugins", "show", "multigraft").stdout


AS_WRITTEN = {
    ("bottleneck", "sites"): ("keys", "{}"),
    ("bottleneck", "sites.layer"): ("list of whole number or null", "null"),
    ("bottleneck", "sharing"): ("kind: groups, half-shared, hypernetwork, per-task, single or null", "null"),
    ("half-shared", "shared"): ("list of text", "[up.*]"),
    ("linear", "sharing"): ("kind: groups, half-shared, hypernetwork, per-task, single", "single"),
    ("visual-question-answering", "prefix"): ("text", "'vqa: '"),
    ("visual-question-answering", "data"): ("name: list of text", None),
    ("visual-question-answering", "metrics"): (
        "list of kind: accuracy-by-type, ",
        "[vqa-accuracy, exact-match, {kind: accuracy-by-type, of: vqa-accuracy}]",
    ),
    ("generate", "beams"): ("whole number, >= 1, <= 64", "1"),
    ("image-captioning", "evaluator"): (
        "kind: choices, classify, generate, loss, rank, retrieve",
        "{kind: generate, beams: 3, max_tokens: 40}",
    ),
    ("temperature", "value"): ("number, >= 1.0", "2.0"),
}


def test_show_gives_types_and_defaults_as_a_recipe_has_them(run):
    shown = json.loads(run("plugins", "show", "multigraft", "--json").stdout)
    printed = run("plugins", "show", "multigraft").stdout
    facts = {one["name"]: one for one in shown["components"]}
    for (component, option), (kind, default) in AS_WRITTEN.items():
        types, defaults = facts[component]["types"], facts[component]["defaults"]
        assert types[option].startswith(kind)
        assert defaults.get(option) == default
        end = "must be given" if default is None else f"default: {default}"
        assert f"    {option}: {facts[component]['options'][option]}\n        {types[option]}; {end}\n" in printed


def test_show_of_an_unknown_plugin(run):
    outcome = run("plugins", "show", "multigraff")
    assert outcome.exit_code == 2
    assert "no plugin named 'multigraff' is installed; did you mean 'multigraft'?" in outcome.stderr


def test_the_built_ins_are_well(run):
    outcome = run("plugins", "doctor", "--json")
    assert [finding for finding in json.loads(outcome.stdout)["findings"] if finding["plugin"] == "multigraft"] == []
    assert outcome.exit_code == 0


@pytest.mark.parametrize("verb", [("list",), ("show", "old"), ("doctor", "--no-plugin", "multigraft")])
def test_a_plugin_of_an_older_version_is_named_with_what_became_of_contracts(run, install, verb):
    install("old", "raise RuntimeError('imported')", group="multigraft.v1")
    shown = run("plugins", *verb).stdout
    assert f"old: wrong API: made for multigraft.v1, this multigraft reads {ENTRY_POINT_GROUP}" in shown
    assert "\n  register_inputs: Media.frames -> Media.arrays, with Media.modality\n" in shown
    assert "\n  register_objectives: Objective.answer -> an Evaluator, by the hook register_evaluators\n" in shown
