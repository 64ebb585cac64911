"""What holds for the options of all built-in tasks."""

import subprocess
import sys

import pytest

from multigraft.core.registry.registry import default_registry

REGISTRY = default_registry()
NEEDED = {"text-classification": {"objective": {"kind": "classification", "labels": ["good", "bad"]}}}
"""What a kind has no default for."""
KINDS = [name for name in REGISTRY.names("tasks") if "/" not in name]


def options(kind, **given):
    model = REGISTRY.options("tasks", kind)
    needed = {"kind": kind, "data": ["a.tar"]} | NEEDED.get(kind, {})
    return model.model_validate(needed | given, context={"registry": REGISTRY})


def test_all_are_here():
    assert len(KINDS) == 11


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_name_components_that_exist(kind):
    checked = options(kind)
    objectives = [REGISTRY.build("objectives", each) for each in checked.objective]
    assert REGISTRY.build("evaluators", checked.evaluator, objectives=objectives)
    assert all(REGISTRY.build("metrics", metric) for metric in checked.metrics)


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_has_a_help_text(kind):
    missing = [name for name, field in REGISTRY.options("tasks", kind).model_fields.items() if not field.description]
    assert missing == []


def test_prefixes_tell_tasks_apart():
    """Of two nothing is asked in words."""
    prefixes = {kind: options(kind).prefix for kind in KINDS}
    assert [kind for kind, prefix in prefixes.items() if not prefix] == ["image-text-pairs", "text-denoising"]
    assert len(set(prefixes.values())) == len(KINDS) - 1


@pytest.mark.parametrize(
    ("kind", "given", "beams", "max_tokens"),
    [
        ("image-captioning", "generate", 3, 40),
        ("video-captioning", {"kind": "generate", "beams": 5}, 5, 40),
        ("two-image-statements", {"kind": "generate", "max_tokens": 4}, 1, 4),
        ("multiple-choice-video-question-answering", "generate", 1, 20),
        ("visual-question-answering", {"kind": "generate"}, 1, 20),
    ],
)
def test_an_evaluator_keeps_the_values_of_its_task_where_nothing_is_said(kind, given, beams, max_tokens):
    evaluator = options(kind, evaluator=given).evaluator
    assert (evaluator.beams, evaluator.max_tokens) == (beams, max_tokens)


@pytest.mark.parametrize(
    ("kind", "evaluator"),
    [
        ("image-captioning", "generate"),
        ("two-image-statements", "choices"),
        ("multiple-choice-video-question-answering", "choices"),
        ("text-denoising", "generate"),
    ],
)
def test_the_evaluator_of_a_task(kind, evaluator):
    assert options(kind).evaluator.kind == evaluator
    assert options(kind, evaluator="choices").evaluator.kind == "choices"


def test_options_import_nothing_heavy():
    modules = [REGISTRY.find("tasks", kind).component.config.partition(":")[0] for kind in KINDS]
    modules += ["multigraft.plugins.metrics.options", "multigraft.plugins.loggers.options"]
    heavy = (
        f"import sys, {', '.join(modules)}; print([m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
