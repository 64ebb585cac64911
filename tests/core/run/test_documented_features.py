"""The forms in docs/features.md can be encoded, each into a folder of its own."""

import json
import re
import shutil
from pathlib import Path

import yaml
from click.testing import CliRunner

from multigraft.core.cli import cli

PAGE = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
FORMS = yaml.safe_load(re.search(r"<!-- forms -->\s+```yaml\n(.*?)```", PAGE, re.DOTALL)[1])


def test_every_form_of_the_page_is_encoded(shards, recipe_file, tmp_path):
    shutil.copytree(shards, tmp_path / "shards", ignore=shutil.ignore_patterns("features", "*.index"))
    folders, said = set(), []
    for form in (True, *FORMS):
        settings = ("--set", f"data.root={tmp_path / 'shards'}", "--set", f"data.features={json.dumps(form)}")
        words = ["data", "encode", str(recipe_file), "--json", "--split", "validation", *settings]
        outcome = CliRunner().invoke(cli, words, prog_name="multigraft")
        assert outcome.exit_code == 0, outcome.output
        (facts,) = json.loads(outcome.stdout).values()
        said.append(sorted(facts))
        folders.add(facts["folder"])
    assert len(FORMS) == 5
    assert len(folders) == len(FORMS), "`true` and the first form are one"
    keys = re.search(r'\{"visual": \{(.*?)\}\}', PAGE.replace("\n", " "))[1]
    assert said == [sorted(re.findall(r'"(\w+)"', keys))] * len(said)
