"""`multigraft report RUN`."""

import json
from pathlib import Path

import click

from multigraft.core.cli.lazy import registry_of


@click.command(
    epilog="Example: multigraft report runs/quickstart",
    short_help="Write a run's page of scores, curves and sample predictions",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help='Print {"report": PATH} instead of the path.')
@click.pass_context
def report(context: click.Context, run: Path, as_json: bool) -> None:
    """Write RUN/report.html, one page that needs no other file, and print its path.

    It shows what the run folder RUN holds so far: scores and controls, curves, parameters, skipped samples,
    predictions with their pictures, the recipe and the versions.
    """
    from multigraft.core.recipe.plugin_use import absent_plugins, made_with_of
    from multigraft.core.report import write_report

    for line in absent_plugins(run, made_with_of(run), registry_of(context)):
        click.echo(f"{line}; the page is written without it", err=True)
    path = write_report(run, registry_of(context))
    click.echo(json.dumps({"report": str(path)}) if as_json else str(path))
