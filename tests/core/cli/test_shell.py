"""The command line's shell: verbs, global options, exit codes."""

import json
import signal
import subprocess
import sys

import pytest

import multigraft
from multigraft.core.cli.verbs import VERBS
from multigraft.core.registry.component import import_name

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


@pytest.mark.parametrize("place", [0, 1, 2])
def test_plugins_are_given_before_the_verb_or_after_it(run, plugin, place):
    words = ["data", "count"]
    assert run(*words[:place], "--plugin", plugin, *words[place:]).stdout == "three\n"
    assert run(*words[:place], f"--plugin={plugin}", *words[place:]).stdout == "three\n"


def test_both_places_combine(run, plugin, tmp_path):
    other = tmp_path / "another_one.py"
    other.write_text("from multigraft import hookimpl\n@hookimpl\ndef run_ended(): pass\n")
    outcome = run("--plugin", plugin, "plugins", "list", "--json", "--plugin", other, "--no-plugin", "multigraft")
    states = {one["name"]: one["state"] for one in json.loads(outcome.stdout)}
    assert (states["counting"], states["another_one"], states["multigraft"]) == ("loaded", "loaded", "off")
    sys.modules.pop("another_one")


def test_words_after_two_dashes_are_no_options(run, recipe):
    outcome = run("check", "--shape", "--", "--plugin")
    assert "no recipe '--plugin'" in outcome.stderr


def test_a_plugin_option_without_its_value(run):
    outcome = run("plugins", "list", "--plugin")
    assert (outcome.exit_code, "Option '--plugin' requires an argument." in outcome.stderr) == (2, True)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(verb.path))
def test_every_verb_tells_of_the_plugin_options(run, verb):
    told = run(*verb.path, "--help").stdout
    assert "--plugin FILE" in told
    assert "--no-plugin NAME" in told


BROKEN = "def helper():\n    raise RuntimeError('[out] of order')\n\nhelper()\n"


def test_a_plugin_file_that_fails_is_looked_at_by_the_doctor_and_refused_by_the_rest(run, tmp_path, recipe):
    file = tmp_path / "broken_file.py"
    file.write_text(BROKEN)
    place = f"(at {file}:2: raise RuntimeError('[out] of order'))"
    refused = run("check", recipe, "--plugin", file)
    assert refused.exit_code == 2
    assert refused.stderr == f"--plugin {file}: did not load: RuntimeError: [out] of order {place}\n"
    listed = run("plugins", "list", "--plugin", file)
    assert listed.exit_code == 0
    assert f"broken_file: failed: RuntimeError: [out] of order {place}\n" in listed.stdout
    assert f"RuntimeError: [out] of order {place}\n" in run("plugins", "show", "broken_file", "--plugin", file).stdout
    diagnosed = run("plugins", "doctor", "--plugin", file, "--no-plugin", "multigraft")
    assert diagnosed.exit_code == 1
    assert f"error: broken_file: failed: RuntimeError: [out] of order {place}; " in diagnosed.stdout


def test_a_plugin_file_that_brings_nothing_says_so(run, tmp_path, recipe):
    file = tmp_path / "silent_file.py"
    file.write_text("def register_adapters():\n    return []\n")
    outcome = run("show", "--shape", recipe, "--plugin", file)
    assert outcome.exit_code == 0
    assert outcome.stderr == (
        f"--plugin {file}: function 'register_adapters' is called like a hook but has no mark, so it is never called "
        f"(at {file}:1: def register_adapters():); put `@hookimpl` above it (`from multigraft import hookimpl`)\n"
    )
    sys.modules.pop("silent_file")


def test_a_command_whose_module_leaves(run, tmp_path):
    file = tmp_path / "leaving.py"
    file.write_text(
        "from multigraft import Command, hookimpl\n@hookimpl\ndef register_commands():\n"
        "    yield Command(('leave',), 'leaving_command:leave', 'Leave')\n"
    )
    (tmp_path / "leaving_command.py").write_text("import sys\nsys.exit(0)\n")
    outcome = run("leave", "--plugin", file)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"command 'leave' cannot be loaded: SystemExit: 0 (at {tmp_path}/leaving_command.py:2: sys.exit(0))\n"
    )
    sys.modules.pop("leaving")


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
    [
        (),
        ("--help",),
        ("train", "--help"),
        ("predict", "--help"),
        ("plugins", "list"),
        ("show", "--shape", "starter"),
        ("check", "--shape", "recipe.yaml"),
    ],
)
def test_nothing_heavy_is_imported(imported_by, recipe, arguments):
    assert imported_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("--version",), ("train", "--help"), ("predict", "--help"), ("plugins", "--help")]
)
def test_help_does_not_wait_for_pydantic(imported_by, arguments):
    assert imported_by(*arguments) & {*HEAVY, "pydantic", "yaml", "numpy"} == set()


def test_paths_that_are_not_there_are_told_with_what_is_called_like_them(run, tmp_path, recipe):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    assert "no such file (did you mean 'recipe.yaml'?), and no shipped recipe" in run("check", "recpie.yaml").stderr
    for words in (
        ("eval",),
        ("export", "--task", "vqa"),
        ("predict", "--task", "vqa"),
        ("report",),
        ("train", "--resume"),
    ):
        outcome = run(*words, "runs/frist")
        assert outcome.exit_code == 2
        assert "(did you mean 'runs/first'?)" in outcome.stderr


@pytest.mark.parametrize("words", [("check",), ("train",), ("predict",), ("report",), ("plugins", "list", "--plugin")])
def test_a_path_that_the_system_refuses(run, words):
    outcome = run(*words, "a" * 300)
    assert outcome.exit_code == 2
    assert "File name too long" in outcome.stderr
    assert "Traceback" not in outcome.stderr
