"""Whether texts, prompts and what is predicted have positions in the backbone."""

from collections.abc import Iterator

from multigraft.core.check.subject import Subject
from multigraft.core.options.options import Decoding
from multigraft.core.recipe.components import Location
from multigraft.core.recipe.problems import Problem


def limits(subject: Subject) -> Iterator[Problem]:
    """Texts, targets and outputs may be no longer than the backbone has positions for; prefixes leave room."""
    if subject.trunk is None:
        return
    backbone = subject.trunk.backbone
    longest = backbone.longest
    for name, task in subject.recipe.tasks.items():
        given: list[tuple[Location, int, int | None]] = [
            (("text_limit",), task.text_limit, longest.input),
            (("target_limit",), task.target_limit, longest.output),
        ]
        if isinstance(task.evaluator, Decoding):
            given.append((("evaluator", "max_tokens"), task.evaluator.max_tokens, longest.output))
        for key, value, most in given:
            if most is not None and value > most:
                message = f"{value} tokens, and the backbone has positions for {most}"
                yield subject.document.problem(("tasks", name, *key), message, f"{most} at most")
        prefix = int(subject.writing.get(name, backbone).tokenize([task.prefix])[1].sum())
        if prefix > task.text_limit:
            message = (
                f"{task.text_limit} tokens, and the prefix, which is never cut, has {prefix} with the special ones"
            )
            yield subject.document.problem(("tasks", name, "text_limit"), message, "make room for it")


def prompt_room(subject: Subject) -> Iterator[Problem]:
    """Where all tokens take positions, those of prompts, of the longest text and of what is predicted fit together:
    the last one that is predicted is not read."""
    together = subject.trunk.backbone.longest.together if subject.trunk else None
    if together is None or subject.summary is None:
        return
    for name, task in subject.recipe.tasks.items():
        prompts, outputs = subject.summary.prompt_tokens[name], max(subject.outputs.get(name, 0) - 1, 0)
        if prompts + task.text_limit + outputs > together:
            message = (
                f"{task.text_limit} tokens, {prompts} of prompts and {outputs} of what is predicted, and there are "
                f"{together} positions"
            )
            room = together - prompts - outputs
            hint = f"{room} at most" if room > 0 else "give prompts, targets or outputs fewer tokens"
            yield subject.document.problem(("tasks", name, "text_limit"), message, hint)
