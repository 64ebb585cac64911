"""What `check` imports: nothing heavy for a recipe's shape, else torch and the model families in use."""

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

RECIPE = """\
trunk: {backbone: sapling}
tasks: {vqa: {kind: visual-question-answering, data: [vqa-*.tar]}}
graft: {adapters: [bottleneck]}
"""


@pytest.fixture
def recipe(tmp_path):
    """A recipe of text alone, with its shard."""
    with ShardWriter(tmp_path, "vqa", 10) as writer:
        answers = (ScoredAnswer(text="red"),)
        annotation = Annotation(id="1", task="vqa", text="which colour?", answers=answers)
        writer.write("k", Record(id="1", annotations=(annotation,)), {})
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def test_a_look_at_the_shape_imports_nothing_heavy(imported_by, recipe):
    heavy = {"torch", "transformers", "timm", "open_clip", "decord", "av", "PIL", "numpy", "accelerate"}
    assert imported_by("check", "--shape", recipe) & heavy == set()


def test_a_whole_check_imports_torch_and_the_families_in_use(imported_by, recipe):
    modules = imported_by("check", recipe)
    unused = {"timm", "open_clip", "decord", "matplotlib", "pandas", "webdataset", "pycocoevalcap", "tensorboard"}
    assert modules & unused == set()
    assert {"torch", "transformers"} <= modules


def test_without_torch_the_quick_look_is_named(command, recipe, tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "torch.py").write_text("raise ImportError('no torch here')\n")
    program = "import sys; sys.path.insert(0, 'without'); from multigraft.core.cli import main; main()"
    outcome = command(program, "check", "recipe.yaml", cwd=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines()[-1] == (
        "the trunk cannot be planned here: no torch here; `multigraft check --shape recipe.yaml` looks at keys, "
        "names and files alone, without it"
    )


@pytest.fixture
def command():
    """Run a program in a process of its own."""
    import subprocess
    import sys

    return lambda *words, cwd: subprocess.run(
        [sys.executable, "-c", *words], capture_output=True, text=True, cwd=cwd, check=False
    )
