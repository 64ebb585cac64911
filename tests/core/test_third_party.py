"""A plugin of another distribution, installed by pip, without an edit of ours."""

import json
import os
import subprocess
import sys

import pytest

RECIPE = """
trunk: {backbone: sapling}
tasks:
  colour: {kind: image-colour, data: [a.tar], metrics: [length-ratio, exact-match]}
  count: {kind: sample/image-colour, data: [a.tar]}
graft:
  adapters: [{kind: channel-scale, start: 0.5}]
  sharing: first-letter-groups
"""


@pytest.fixture
def multigraft(thirdparty_folder, tmp_path):
    """Run `multigraft ...` with the third party's distribution importable."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(thirdparty_folder)}
        command = [sys.executable, "-m", "multigraft", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    return run


def test_its_components_are_listed(multigraft):
    plugins = json.loads(multigraft("plugins", "list", "--json").stdout)
    sample = next(plugin for plugin in plugins if plugin["name"] == "sample")
    assert (sample["distribution"], sample["version"], sample["state"]) == ("multigraft-sample", "0.1.0", "loaded")
    assert [(one["kind"], one["name"]) for one in sample["components"]] == [
        ("adapters", "channel-scale"),
        ("sharing", "first-letter-groups"),
        ("tasks", "image-colour"),
        ("metrics", "length-ratio"),
    ]


def test_a_recipe_may_name_them_and_their_options_are_checked(multigraft, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    shown = multigraft("show", "sample.yaml", "--json")
    recipe = json.loads(shown.stdout)
    assert recipe["graft"]["adapters"][0]["start"] == 0.5
    assert recipe["tasks"]["colour"]["prefix"] == "colour: "
    wrong = multigraft("show", "sample.yaml", "--set", "graft.adapters.0.start=high")
    assert wrong.returncode == 2
    assert "command line: graft.adapters.0.start: expected a number, got 'high'" in wrong.stderr


def test_it_may_be_switched_off(multigraft, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    outcome = multigraft("--no-plugin", "multigraft-sample", "show", "sample.yaml")
    assert outcome.returncode == 2
    assert "no adapter named 'channel-scale'" in outcome.stderr
    assert "plugin 'sample' did not load: switched off by --no-plugin" in outcome.stderr


def test_the_doctor_finds_it_well(multigraft):
    outcome = multigraft("plugins", "doctor", "--json")
    assert [finding for finding in json.loads(outcome.stdout) if finding["plugin"] == "sample"] == []
