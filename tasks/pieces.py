"""How tasks put their input text together: the question, then ` context: ` and the context, then the choices."""

from collections.abc import Sequence

from multigraft import Annotation, Piece


def asked(annotation: Annotation, question: str, choices: Sequence[str] = ()) -> tuple[Piece, ...]:
    """The pieces of a question, of its context if the annotation has one, and of its choices."""
    context = [Piece("context", annotation.context, " context: ")] if annotation.context.strip() else []
    listed = [Piece("choice", choice, ", " if number else " choices: ") for number, choice in enumerate(choices)]
    return (Piece("question", question), *context, *listed)


def told(annotation: Annotation) -> tuple[Piece, ...]:
    """The context alone, for tasks whose prefix says all that is asked."""
    return (Piece("context", annotation.context),) if annotation.context.strip() else ()
