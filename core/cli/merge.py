"""`multigraft merge RUN:TASK=WEIGHT... --to FOLDER`."""

import json
from pathlib import Path

import click

from multigraft.core.cli.lazy import registry_of, with_json


@click.command(
    epilog="Example: multigraft merge runs/a:vqa=0.5 runs/b:captions=-0.3 --rest-from runs/a:vqa --to merged"
)
@click.argument("sources", nargs=-1, required=True, metavar="RUN:TASK=WEIGHT...")
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="New folder.")
@click.option("--rest-from", metavar="RUN:TASK", help="Whose prompts, heads and norms are taken where they differ.")
@with_json
@click.pass_context
def merge(context: click.Context, sources: tuple[str, ...], target: Path, rest_from: str | None, as_json: bool) -> None:
    """Add up what the adapters of tasks add to the trunk, each with a weight, into a graft that can do these tasks.

    A weight may be negative; 0 adds nothing and lets the graft do that task too. Adapters that do anything else than to
    add a matrix to a projection's weight are refused.
    """
    from multigraft.core.training.merge_saved import merge_lines, merge_saved
    from multigraft.core.training.merge_sources import MergeSource

    weighted = [MergeSource(*_run_and_task(name), weight) for name, weight in map(_name_and_weight, sources)]
    rest = None if rest_from is None else _run_and_task(rest_from)
    report = merge_saved(weighted, target, rest, registry_of(context))
    if as_json:
        click.echo(json.dumps({"folder": str(target), **report}))
        return
    for line in merge_lines(report):
        click.echo(line, err=True)
    click.echo(str(target))


def _name_and_weight(text: str) -> tuple[str, float]:
    name, sign, weight = text.rpartition("=")
    try:
        return name, float(weight if sign else "")
    except ValueError:
        raise click.UsageError(f"{text!r} has no weight: write RUN:TASK=WEIGHT, such as runs/a:vqa=0.5") from None


def _run_and_task(text: str) -> tuple[Path, str]:
    run, _, task = text.rpartition(":")
    if not run or not task:
        raise click.UsageError(f"{text!r} names no task of a run: write RUN:TASK, such as runs/a:vqa")
    return Path(run), task
