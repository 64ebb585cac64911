"""Whether a task keeps its contract: the same texts when asked again, and questions without their answers."""

import random
from collections.abc import Iterator
from typing import Any

from multigraft.core.errors import BadSample
from multigraft.core.interfaces.task import Task
from multigraft.core.options.base import Options
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.core.types.sample import TextPair

FULL = Annotation(
    id="dev-1-0-0",
    task="any",
    type="colour",
    text="which colour has the ball?",
    choices=("red", "blue"),
    answers=(ScoredAnswer(text="red"), ScoredAnswer(text="dark red", score=0.3)),
    references=("a red ball", "one ball"),
    media=("0.png", "1.png"),
    source="drawings",
)
"""An annotation that has all that a task may need."""
BARE = Annotation(id="dev-2-0-0", task="any")


def wrong_task(build: Any, options: Options) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    task = build(options)
    if not isinstance(task, Task):
        yield f"`build` gives {type(task).__name__}, no Task"
        return
    for annotation in (FULL, BARE):
        yield from _wrong_example(task, annotation)
    try:
        asked = task.ask(FULL)
    except BadSample:
        return
    if asked.target:
        yield f"the question that `ask` makes has the target {asked.target!r}"


def _wrong_example(task: Task, annotation: Annotation) -> Iterator[str]:
    try:
        made = [task.example(annotation, random.Random(1)) for _ in range(2)]
        evaluated = [task.example(annotation, None) for _ in range(2)]
    except BadSample:
        return
    if not all(isinstance(each, TextPair) for each in (*made, *evaluated)):
        yield f"`example` gives {type(made[0]).__name__}, no TextPair"
    elif made[0] != made[1] or evaluated[0] != evaluated[1]:
        yield "`example` gives another text when called again with the same draw"
