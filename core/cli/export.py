"""`multigraft export RUN`."""

import json
from pathlib import Path

import click

from multigraft.core.cli.lazy import registry_of, with_json


@click.command(epilog="Example: multigraft export runs/first --task vqa --to vqa-graft")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", required=True, help="Which of the recipe's tasks.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="New folder [default: RUN/export-TASK].")
@with_json
@click.pass_context
def export(context: click.Context, run: Path, task: str, target: Path | None, as_json: bool) -> None:
    """Take what one task needs out of RUN, into a folder that `predict` can use alone."""
    from multigraft.core.run.artifact import open_artifact
    from multigraft.core.training.export_task import export_task

    registry = registry_of(context)
    made = export_task(open_artifact(run, registry), task, target or run / f"export-{task}", registry)
    click.echo(json.dumps({"folder": str(made)}) if as_json else str(made))
