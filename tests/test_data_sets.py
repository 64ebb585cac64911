"""docs/data_sets.md: its commands and its table name what there is."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from multigraft.core.registry.registry import load_registry

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/data_sets.md").read_text()
README = (ROOT / "README.md").read_text()
COMMANDS = [shlex.split(line) for line in PAGE.splitlines() if line.startswith("multigraft ")]
REGISTRY = load_registry()
PUBLISHED = [
    each.component.name for each in REGISTRY.registrations("sources") if ".published." in each.component.config
]


def given(words, flag):
    return [words[place + 1] for place, word in enumerate(words) if word == flag]


def rows(text, head):
    lines = text.partition(f"\n{head}")[2].splitlines()[2:]
    end = next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")] for line in lines[:end]]


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[1] == "data"], ids=" ".join)
def test_every_command_has_options_that_its_source_takes(words):
    [kind], [task], [prefix] = (given(words, flag) for flag in ("--kind", "--task", "--prefix"))
    options = {key: yaml.safe_load(value) for key, _, value in (one.partition("=") for one in given(words, "--set"))}
    model = REGISTRY.options("sources", kind)
    model.model_validate({"kind": kind, "task": task, "files": words[3:4], **options}, context={"registry": REGISTRY})
    assert task in REGISTRY.names("tasks")
    assert prefix in ("train", "validation", "test")


def test_every_published_set_has_a_command_and_a_row():
    listed = rows(PAGE, "| `--kind` |")
    assert [kinds for kinds, *_ in listed] == [[name] for name in PUBLISHED]
    assert {given(words, "--kind")[0] for words in COMMANDS if words[1] == "data"} == set(PUBLISHED)
    assert [kinds for _, kinds, *_ in rows(README, "| set | `--kind`")] == [[name] for name in PUBLISHED]


def test_rows_name_tasks_metrics_formats_and_recipes_that_there_are():
    for _, _, tasks, metrics, formats, recipes in rows(PAGE, "| `--kind` |"):
        assert set(tasks) <= set(REGISTRY.names("tasks"))
        assert set(metrics) <= set(REGISTRY.names("metrics"))
        assert set(formats) <= set(REGISTRY.names("answer_formats"))
        assert [name for name in recipes if not list((ROOT / "configs").glob(f"{name}.yaml"))] == []


def test_every_form_of_answers_is_shown():
    built_in = [[each.component.name] for each in REGISTRY.registrations("answer_formats") if each.plugin.built_in]
    assert [names for names, _ in rows(PAGE, "| `--format` |")] == built_in
    for words in (words for words in COMMANDS if words[1] == "predict"):
        assert given(words, "--format")[0] in REGISTRY.names("answer_formats")
