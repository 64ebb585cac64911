"""`multigraft check RECIPE`."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides
from multigraft.core.config.problems import RecipeError

if TYPE_CHECKING:
    from multigraft.core.planning import Plan

_BAD_INPUT = 2


@click.command(epilog="Example: multigraft check quickstart --set train.steps=100")
@click.argument("recipe")
@with_overrides
@click.option("--shape", is_flag=True, help="Look at the recipe's keys and files only, and build nothing.")
@with_json
@click.pass_context
def check(context: click.Context, recipe: str, overrides: tuple[str, ...], shape: bool, as_json: bool) -> None:
    """Find every problem of RECIPE, a file or the name of a shipped recipe; exit code 2 if there is one.

    Opens its shards, plans its graft without loading weights, and says what would be trained and how much memory that
    takes.
    """
    from multigraft.core.checks import check_deep, check_shape

    registry = registry_of(context)
    try:
        subject = check_shape(recipe, overrides, registry)
        if not shape:
            check_deep(subject)
    except RecipeError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"recipe": recipe, "problems": [asdict(one) for one in error.problems]}, indent=2))
        context.exit(_BAD_INPUT)
    facts = _facts(subject.plan) if subject.plan else {}
    for note in subject.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        notes = {} if shape else {"notes": subject.notes}
        click.echo(json.dumps({"recipe": recipe, "problems": [], **notes, **facts}))
        return
    click.echo(f"{recipe}: no problems found")
    if facts:
        click.echo(_lines(facts))


def _facts(planned: "Plan") -> dict[str, Any]:
    return {"parameters": planned.parameters.to_json(), "memory": planned.memory}


def _lines(facts: dict[str, Any]) -> str:
    parameters, memory = facts["parameters"], facts["memory"]
    rows = [
        f"trained {parameters['trainable']:,} of {parameters['total']:,} parameters ({parameters['percent']:.2f} %)"
    ]
    rows += [f"  {owner}: {numbers:,}" for owner, numbers in parameters["by_owner"].items()]
    sizes = ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in memory.items())
    return "\n".join([*rows, f"memory, about, in MiB: {sizes}"])
