"""Commands in the README and in docs/ exist, and the README's examples run as they stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest
import yaml

from multigraft.core.cli import cli
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GATE = (ROOT / ".ci" / "run").read_text()
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e "
SHORT = ["--set", "train.steps=2", "--set", "eval.every=null"]


def fenced(text, language):
    """The code blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text):
    """Every `multigraft ...` on a page, in bash blocks and between backticks, without the program's name."""
    lines = [part for block in fenced(text, "bash") for line in block.splitlines() for part in line.split("&& ")]
    lines += re.findall(r"`(multigraft (?:--)?[a-z][^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    split = [shlex.split(line) for line in lines]
    return [words[1:] for words in split if words and Path(words[0]).name == "multigraft"]


def page_commands():
    return [(page, words) for page in PAGES for words in commands((ROOT / page).read_text())]


def example(name):
    """The Python block after `<!-- example: NAME -->`."""
    return fenced(README.partition(f"<!-- example: {name} -->")[2], "python")[0]


def block_with(text):
    """The lines of the bash block that has `text` in it."""
    return next(block for block in fenced(README, "bash") if text in block).splitlines()


def parse(words):
    """Parse a command line as click would, without running it or looking for its files."""
    context, command = click.Context(cli), cli
    while isinstance(command, click.Group):
        _, words, _ = command.make_parser(context).parse_args(words)
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"no command {name!r}"
        context, command = click.Context(found, parent=context, info_name=name), found
    command.make_parser(context).parse_args(words)


@pytest.mark.parametrize(("page", "words"), page_commands(), ids=lambda value: " ".join(value)[:60])
def test_verbs_and_options_exist(page, words):
    parse(list(words))


def test_there_are_commands_to_look_at():
    assert len(page_commands()) > 40


def test_an_unknown_option_would_be_found():
    with pytest.raises(click.NoSuchOption):
        parse(["train", "quickstart", "--runn", "x"])


def test_both_first_commands_start_from_a_checkout():
    started = [line for line in README.splitlines() if line.startswith("python3 ")]
    assert started == [
        f"{INSTALL}'.[quickstart]' && .venv/bin/multigraft train quickstart --run runs/quickstart",
        f"{INSTALL}'.[dev]' && .venv/bin/pytest -n 2",
    ]


def test_the_gate_runs_the_readme_s_test_command():
    """It reads the line from the README, so it must be the only one, and nothing else may install."""
    assert sum("'.[dev]'" in line for line in README.splitlines()) == 1
    assert "grep -F \"'.[dev]'\" README.md" in GATE
    assert "pip install" not in GATE
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_gate_s_quickstart_is_a_recipe():
    [words] = [shlex.split(line) for line in GATE.replace("\\\n", " ").splitlines() if 'multigraft" train' in line]
    parse(words[1:])
    overrides = [value for option, value in pairwise(words) if option == "--set"]
    assert load_recipe("quickstart", overrides, load_registry()).train.steps == 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the README's examples, and the shards that one of them has packed."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("pack.py", "ssf.py"):
        (folder / name).write_text(example(name))
    (folder / "colours.yaml").write_text(fenced(README, "yaml")[0])
    run(folder, block_with("pack.py")[0])
    return folder


def run(folder, line):
    """Run a line of the README with this environment's programs; training is cut to two steps."""
    words = shlex.split(line)
    words[0] = str(Path(sys.executable).parent / Path(words[0]).name)
    outcome = subprocess.run(
        words + SHORT if "train" in words else words, cwd=folder, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome


def test_own_data(folder):
    _, inspect, check, train = block_with("pack.py")
    assert "validation-000000.tar: shard, 12 samples" in run(folder, inspect).stdout
    assert "no problems found" in run(folder, check).stdout
    assert run(folder, train).stdout == "runs/colours\n"
    assert (folder / "runs/colours/checkpoints/00000002/graft/shared.safetensors").is_file()


SMALL = [
    "data.make=data quickstart --limit 40 --episodes 12", "train.steps=2", "train.batch=16", "eval.controls=[]",
    "eval.every=null", "eval.limit=10",
]  # fmt: skip


def test_the_quickstart_from_python(folder, picture_file):
    """As it stands there, but with less data and two steps."""
    lines = example("quickstart.py")
    assert len([line for line in lines.splitlines() if line]) <= 5
    (folder / "picture.png").write_bytes(picture_file())
    program = lines.replace('"quickstart"', f'"quickstart", {SMALL}')
    outcome = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    accuracy, answered = outcome.stdout.splitlines()[-2:]
    assert 0 <= float(accuracy) <= 1
    assert answered
    assert (folder / "runs/notebook/results.json").is_file()


def test_pre_training(folder):
    """The task shown is that of the shipped recipe, which trains and scores by retrieval."""
    [line] = block_with("train pretraining")
    shown = fenced(README.partition("<!-- example: pretraining.yaml -->")[2], "yaml")[0]
    shipped = yaml.safe_load((ROOT / "configs" / "pretraining.yaml").read_text())
    assert yaml.safe_load(shown) == shipped["tasks"]
    run(folder, " ".join([line, *(f"--set '{one}'" for one in SMALL if not one.startswith("eval.limit"))]))
    scores = json.loads((folder / "runs/pretraining/results.json").read_text())["tasks"]["pairs"]
    assert {name for name in scores if name.startswith("recall")} == {
        f"recall@{most}/{way}" for most in (1, 5, 10) for way in ("text-to-media", "media-to-text")
    }
    assert "no problems found" in run(folder, ".venv/bin/multigraft check pretraining").stdout


def test_the_plugin(folder):
    doctor, train = block_with("ssf.py")
    assert run(folder, doctor).stdout.endswith("3 plugins, 0 findings\n")
    run(folder, train)
    assert "scale-and-shift.shift" in (folder / "runs/ssf/results.json").read_text()


def test_the_plugin_has_about_twenty_lines():
    assert len([line for line in example("ssf.py").splitlines() if line.strip()]) <= 25
