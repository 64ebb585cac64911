"""The examples of docs/data.md say what happens."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.shard import open_shard

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
RUNS = re.findall(r"```bash\nmultigraft ([^\n]*)\n```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, picture_file):
    """A folder with the page's files, and the pictures that they name."""
    folder = tmp_path_factory.mktemp("data-page")
    for name, text in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(text)
    for name in ("pictures/red.png", "pictures/blue.png", "classes/red/1.png", "classes/gray/1.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture_file(re.search("red|blue|gray", name)[0]))
    for code in re.findall(r"<!-- example: \S+\.py -->\n```python\n(.*?)```", PAGE, re.DOTALL):
        subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    return folder


def test_the_examples_pack_what_the_page_says(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert len(RUNS) >= 7
    for words, told in RUNS:
        outcome = CliRunner().invoke(cli, shlex.split(words))
        assert outcome.exit_code == 0, (words, outcome.stderr, outcome.exception)
        assert outcome.stderr.endswith(f"\n{told}"), words
    found = open_shard(folder / "pets" / "train-000000.tar").annotation(0)
    assert (found.id, found.references, len(found.answers)) == ("questions#0", ("a cat", "cats"), 2)
    assert open_shard(folder / "colours" / "train-000000.tar").annotation(0).answers[0].text == "grey"
    assert open_shard(folder / "chats" / "train-000000.tar").annotation(1).context == "What is shown?\nA square."
    again = open_shard(folder / "again" / "train-000000.tar")
    assert again.read(0, "png") == (folder / "pictures" / "blue.png").read_bytes()


def test_every_command_of_the_page_is_run():
    assert len(RUNS) == PAGE.count("```bash")
