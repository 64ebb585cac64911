"""`multigraft report RUN`."""

import json
from pathlib import Path

import click


@click.command(
    epilog="Example: multigraft report runs/quickstart",
    short_help="Write a run's page of scores, curves and sample predictions",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help='Print {"report": PATH} instead of the path.')
def report(run: Path, as_json: bool) -> None:
    """Write RUN/report.html, one page that needs no other file, and print its path.

    It shows what the run folder RUN holds so far: scores and controls, curves, parameters, skipped samples,
    predictions with their pictures, the recipe and the versions.
    """
    from multigraft.core.report import write_report

    path = write_report(run)
    click.echo(json.dumps({"report": str(path)}) if as_json else str(path))
