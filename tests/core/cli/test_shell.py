"""The command line's shell: verbs, global options, exit codes."""

import signal
import subprocess
import sys

import pytest

import multigraft
from multigraft.core.cli.verbs import VERBS
from multigraft.core.component import import_name

HEAVY = {"torch", "transformers", "decord", "timm"}
PLUGIN = """
from multigraft import Command, hookimpl
import click

@hookimpl
def register_commands():
    yield Command(("data", "count"), "counting:count", "Count samples")
    yield Command(("shout",), "counting:shout", "Fail loudly")
    yield Command(("rest",), "counting:rest", "Wait")

@click.command()
def count():
    click.echo("three")

@click.command()
def shout():
    from multigraft import MultigraftError
    raise MultigraftError("that went wrong")

@click.command()
def rest():
    import time
    click.echo("resting")
    time.sleep(60)
"""


@pytest.fixture
def plugin(tmp_path):
    """A plugin file with commands; its module is forgotten afterwards."""
    path = tmp_path / "counting.py"
    path.write_text(PLUGIN)
    before = list(sys.path)
    yield path
    sys.path[:] = before
    sys.modules.pop("counting", None)


def test_no_argument_prints_the_table_of_verbs(run):
    outcome = run()
    assert outcome.exit_code == 0
    for verb in ("init", "check", "show", "train", "eval", "predict", "report", "export", "data", "plugins"):
        assert verb in outcome.stdout


def test_version(run):
    assert run("--version").stdout == f"multigraft, version {multigraft.__version__}\n"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb.path))
def test_every_verb_has_help_with_an_example(run, verb):
    import_name(verb.build)
    outcome = run(*verb.path, "--help")
    assert outcome.exit_code == 0
    assert "Example" in outcome.stdout
    assert f"multigraft {' '.join(verb.path)}" in outcome.stdout.partition("Example")[2]


def test_an_unknown_verb(run):
    outcome = run("chek")
    assert outcome.exit_code == 2
    assert "no command 'chek'; did you mean 'check'?" in outcome.stderr


def test_commands_of_plugins_are_merged_into_ours(run, plugin):
    assert "count    " in " ".join(run("--plugin", plugin, "data", "--help").stdout.split("\n"))


def test_a_command_of_a_plugin_runs(run, plugin):
    assert run("--plugin", plugin, "data", "count").stdout == "three\n"


def test_an_error_that_a_user_can_mend_has_no_traceback(run, plugin):
    outcome = run("--plugin", plugin, "shout")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (2, "", "that went wrong\n")


def test_a_plugin_is_left_out(run, recipe):
    outcome = run("--no-plugin", "multigraft", "check", recipe)
    assert outcome.exit_code == 2
    assert "plugin 'multigraft' did not load: switched off by --no-plugin" in outcome.stderr


def test_an_unknown_plugin_cannot_be_left_out(run):
    outcome = run("--no-plugin", "multigraff", "plugins", "list")
    assert outcome.exit_code == 2
    assert "did you mean 'multigraft'?" in outcome.stderr


def heed_interruption():
    """Undo what a shell does to commands in the background: their Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interruption_exits_with_130(plugin):
    command = [sys.executable, "-m", "multigraft", "--plugin", str(plugin), "rest"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interruption
    )
    assert process.stdout.readline() == "resting\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (130, "stopped\n")


@pytest.mark.parametrize(
    "arguments",
    [(), ("--help",), ("plugins", "list"), ("show", "--shape", "starter"), ("check", "--shape", "recipe.yaml")],
)
def test_nothing_heavy_is_imported(imported_by, recipe, arguments):
    assert imported_by(*arguments) & HEAVY == set()
