"""`multigraft check RECIPE`."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides
from multigraft.core.data.cutting import CUT_KINDS
from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.problems import RecipeError

if TYPE_CHECKING:
    from multigraft.core.check.subject import Subject

_BAD_INPUT = 2
_SLOW = 5.0
"""Seconds."""


@click.command(epilog="Example: multigraft check quickstart --set train.steps=100")
@click.argument("recipe")
@with_overrides
@click.option(
    "--shape", is_flag=True, help="Look at the recipe's keys, names and files only, in a second; needs no torch."
)
@with_json
@click.pass_context
def check(context: click.Context, recipe: str, overrides: tuple[str, ...], shape: bool, as_json: bool) -> None:
    """Find every problem of RECIPE, a file or the name of a shipped recipe; exit code 2 if there is one.

    Opens its shards, plans its graft without loading weights, and says what would be trained and how much memory that
    takes.
    """
    from multigraft.core.check.recipe_check import check_deep, check_search, check_shape
    from multigraft.core.run.kept_sources import nothing_made_of_sources_kept

    registry = registry_of(context)
    try:
        subject = check_shape(recipe, overrides, registry)
        if not shape:
            with _hinting(recipe), nothing_made_of_sources_kept():
                check_search(check_deep(subject))
    except RecipeError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"recipe": recipe, "problems": [asdict(one) for one in error.problems]}, indent=2))
        context.exit(_BAD_INPUT)
    facts = _facts(subject) if subject.summary else {}
    for note in subject.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        notes = {} if shape else {"notes": subject.notes}
        click.echo(json.dumps({"recipe": recipe, "problems": [], **notes, **facts}))
        return
    click.echo(f"{recipe}: no problems found")
    if facts:
        click.echo(_lines(facts))


@contextmanager
def _hinting(recipe: str) -> Iterator[None]:
    """Say what is quick, where this was slow or cannot be done.

    Raises:
        MultigraftError: torch or transformers cannot be imported.
    """
    began = time.monotonic()
    quick = f"`multigraft check --shape {recipe}` looks at keys, names and files alone"
    try:
        yield
    except ImportError as error:
        raise MultigraftError(f"the trunk cannot be planned here: {error}; {quick}, without it") from error
    finally:
        if time.monotonic() - began > _SLOW:
            click.echo(f"note: {quick}, in a second", err=True)


def _facts(subject: "Subject") -> dict[str, Any]:
    from multigraft.core.check.cut_estimate import estimate_cuts

    facts: dict[str, Any] = {}
    if subject.summary:
        facts |= {"parameters": subject.summary.parameters.to_json(), "memory": subject.summary.memory}
    if subject.trunk and subject.data:
        facts["cut"] = estimate_cuts(subject.data, subject.writing)
    return facts


def _lines(facts: dict[str, Any]) -> str:
    parameters, memory = facts["parameters"], facts["memory"]
    rows = [
        f"trained {parameters['trainable']:,} of {parameters['total']:,} parameters ({parameters['percent']:.2f} %)"
    ]
    rows += [f"  {owner}: {numbers:,}" for owner, numbers in parameters["by_owner"].items()]
    sizes = ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in memory.items())
    return "\n".join([*rows, f"memory, about, in MiB: {sizes}", *_cut_lines(facts.get("cut", {}))])


def _cut_lines(cut: dict[str, dict[str, int]]) -> Iterator[str]:
    """Which limits cut texts, by task; nothing where none does."""
    for task, counts in cut.items():
        if counts["any"]:
            where = ", ".join(f"{name} {counts[name]}" for name in CUT_KINDS if counts[name])
            yield f"limits cut {counts['any']} of {counts['n']} texts of {task}: {where}"
