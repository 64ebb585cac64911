"""The commands of docs/data_commands.md run as they stand there."""

import re
import shlex
from pathlib import Path

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.recipe.recipe import DataSection
from multigraft.core.types.annotation import Annotation, Record

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "data_commands.md").read_text()


def example(name):
    block = re.search(rf"<!-- example: {name} -->\n```bash\n(.*?)```", PAGE, re.DOTALL)[1]
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.fixture
def shards(tmp_path, picture_file):
    with ShardWriter(tmp_path / "shards", "a", 10) as writer:
        for number in range(30):
            note = Annotation(id=f"q{number}", task="vqa", text="what?", media=("png",))
            record = Record(id=f"k{number}", annotations=(note,))
            writer.write(f"k{number}", record, {"png": picture_file((number, 0, 0))})


def test_the_commands_run_one_after_the_other(shards, run, tmp_path):
    commands = example("commands")
    for words in commands:
        paths = [str(p.relative_to(tmp_path)) for word in words if "*" in word for p in sorted(tmp_path.glob(word))]
        outcome = run(*(each for word in words for each in (paths if "*" in word else [word])))
        assert outcome.exit_code == 0, outcome.output
    assert [words[1] for words in commands] == ["index", "verify", "stats", "split", "merge"]
    assert (tmp_path / "stats.html").is_file()
    assert (tmp_path / "larger/data-000000.tar").is_file()


def test_the_page_about_remote_shards_says_the_cache_s_defaults():
    page = (DOCS / "remote_shards.md").read_text()
    cache = DataSection().cache
    assert f"{cache.gigabytes:g} GB of them if nothing else is" in page
    assert cache.folder is None
    assert not DataSection().allow_pipes
