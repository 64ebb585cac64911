"""A run that was made with a plugin says which one it needs, and never imports a file by itself."""

import html
import json
import sys

import pytest

CODE = """
from multigraft import Component, hookimpl

@hookimpl
def register_adapters():
    yield Component("scaled", "multigraft:AdapterOptions", "scaling:build", version="3")

def build(options, tasks):
    from multigraft import Adapter, Part
    from multigraft.init import normal

    class Scaled(Adapter):
        def parts(self, site):
            return (Part("scale", (site.width_out,), normal(0.0, 1.0)),)

        def after(self, call, parts):
            return call.output * parts["scale"]

    return Scaled()
"""
WATCHER = """
from multigraft import hookimpl

@hookimpl
def step_ended(step):
    pass
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two plugin files: an adapter, and a hook that acts during a run."""
    folder = tmp_path_factory.mktemp("plugin-files")
    for name, code in {"scaling.py": CODE, "watching.py": WATCHER}.items():
        (folder / name).write_text(code)
    return folder


@pytest.fixture
def cli(run):
    """Run the command line and forget the plugin files afterwards, as a new process would."""

    def call(*words):
        before = list(sys.path)
        try:
            return run(*words)
        finally:
            sys.path[:] = before
            for name in ("scaling", "watching"):
                sys.modules.pop(name, None)

    return call


@pytest.fixture(scope="module")
def plugged(command, recipe_file, files, tmp_path_factory):
    """The folder of a run that was trained with both."""
    folder = tmp_path_factory.mktemp("plugged") / "run"
    given = ("--plugin", files / "scaling.py", "--plugin", files / "watching.py")
    short = ("--set", "graft.adapters=[scaled]", "--set", "graft.sharing=single", "--set", "eval.split=none")
    outcome = command("train", recipe_file, "--run", folder, *given, *short)
    assert outcome.returncode == 0, outcome.stderr
    return folder


def test_a_run_remembers_what_it_was_made_with(plugged, files):
    for path in (plugged / "environment.json", *plugged.glob("checkpoints/*/graft/graft.json")):
        made_with = json.loads(path.read_text())["made_with"]
        assert made_with["scaling"] == {
            "version": "", "file": str(files / "scaling.py"), "components": ["adapters/scaled 3"], "run_hooks": [],
        }  # fmt: skip
        assert made_with["watching"]["run_hooks"] == ["step_ended"]
        assert "adapters/scaled 3" not in made_with["multigraft"]["components"]
        assert "metrics/exact-match 1" in made_with["multigraft"]["components"]


WORDS = {
    "predict": ("predict", "RUN", "--task", "captions"),
    "eval": ("eval", "RUN"),
    "export": ("export", "RUN", "--task", "vqa", "--to", "nowhere"),
}


def with_run(words, folder):
    return [folder if word == "RUN" else word for word in words]


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_verbs_name_the_plugin_and_how_to_give_it(cli, plugged, files, words):
    outcome = cli(*with_run(words, plugged))
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"{plugged} was made with plugin 'scaling', which is not loaded; give its file: "
        f"--plugin {files / 'scaling.py'}\n"
    )
    assert "scaling" not in sys.modules


def test_a_page_is_written_without_the_plugin_and_says_so(cli, plugged, files):
    outcome = cli("report", plugged)
    line = f"was made with plugin 'scaling', which is not loaded; give its file: --plugin {files / 'scaling.py'}"
    assert outcome.exit_code == 0
    assert f"{line}; the page is written without it\n" in outcome.stderr
    assert f"This run {line}" in html.unescape((plugged / "report.html").read_text(encoding="utf-8"))
    assert "scaling" not in sys.modules


def test_resuming_needs_also_what_acts_during_the_run(cli, plugged, files):
    outcome = cli("train", "--resume", plugged, "--plugin", files / "scaling.py")
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"{plugged} was made with plugin 'watching', which is not loaded; give its file: "
        f"--plugin {files / 'watching.py'}\n"
    )


def test_with_the_plugin_the_run_can_be_used_and_exported(cli, plugged, files, tmp_path):
    given = ("--plugin", files / "scaling.py")
    exported = tmp_path / "alone"
    assert cli("export", plugged, "--task", "vqa", "--to", exported, *given).exit_code == 0
    outcome = cli("predict", exported, "--task", "vqa", "--text", "what?")
    assert f"{exported} was made with plugin 'scaling', which is not loaded" in outcome.stderr
    outcome = cli("predict", exported, "--task", "vqa", "--text", "what?", *given)
    assert "reads media and was given none" in outcome.stderr


def test_a_plugin_file_that_moved_or_was_switched_off(cli, plugged, files):
    (files / "scaling.py").rename(files / "moved.py")
    told = cli("predict", plugged, "--task", "vqa").stderr
    assert f"--plugin scaling.py (it was {files / 'scaling.py'}, which is not there any more)\n" in told
    (files / "moved.py").rename(files / "scaling.py")
    told = cli("predict", plugged, "--task", "vqa", "--plugin", files / "scaling.py", "--no-plugin", "scaling").stderr
    assert "plugin 'scaling', which is switched off by --no-plugin; leave that out\n" in told


@pytest.mark.parametrize("content", ["{", "[]", '{"made_with": 3}', '{"made_with": {"x": 3}}', "{}"])
def test_an_older_or_damaged_environment_names_nothing(tmp_path, content):
    from multigraft.core.recipe.plugin_use import made_with_of

    (tmp_path / "environment.json").write_text(content)
    assert made_with_of(tmp_path) == {}
