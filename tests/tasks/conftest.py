"""Annotations and tasks for the tests of tasks."""

import pytest

from multigraft.core.registry.registry import default_registry
from multigraft.core.types.annotation import Annotation


@pytest.fixture(scope="session")
def annotation():
    """`annotation(text="...", answers={text: score}, ...)` makes one."""

    def make(answers=None, **fields) -> Annotation:
        scored = [{"text": text, "score": score} for text, score in (answers or {}).items()]
        return Annotation.model_validate({"id": "a1", "task": "any", "answers": scored} | fields)

    return make


@pytest.fixture(scope="session")
def task():
    """`task(kind, **options)` validates the options as a recipe does, and builds."""

    def build(kind, **options):
        registry = default_registry()
        model = registry.options("tasks", kind)
        checked = model.model_validate({"kind": kind, "data": ["a.tar"]} | options, context={"registry": registry})
        return registry.build("tasks", checked)

    return build
