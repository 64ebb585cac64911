"""`plugins list`, `plugins show` and `plugins doctor`."""

import json

from multigraft.core.hookspecs import KINDS


def test_list(run):
    assert "multigraft" in run("plugins", "list").stdout
    ours = json.loads(run("plugins", "list", "--json").stdout)[0]
    assert (ours["name"], ours["state"], ours["error"]) == ("multigraft", "loaded", "")
    assert {component["kind"] for component in ours["components"]} == set(KINDS)
    assert "data quickstart" in ours["commands"]


def test_show_gives_options_with_their_help(run):
    shown = json.loads(run("plugins", "show", "multigraft", "--json").stdout)
    (bottleneck,) = [one for one in shown["components"] if one["name"] == "bottleneck"]
    assert bottleneck["options"]["width"] == "Width of the bottleneck."
    assert bottleneck["source"].rpartition(":")[0].endswith("plugins/adapters/options.py")
    assert "    width: Width of the bottleneck.\n" in run("plugins", "show", "multigraft").stdout


def test_show_of_an_unknown_plugin(run):
    outcome = run("plugins", "show", "multigraff")
    assert outcome.exit_code == 2
    assert "no plugin named 'multigraff' is installed; did you mean 'multigraft'?" in outcome.stderr


def test_the_built_ins_are_well(run):
    outcome = run("plugins", "doctor", "--json")
    assert [finding for finding in json.loads(outcome.stdout) if finding["plugin"] == "multigraft"] == []
    assert outcome.exit_code == 0
