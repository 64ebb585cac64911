"""`multigraft eval RUN`."""

import json
import sys
from pathlib import Path

import click

from multigraft.core.cli.lazy import registry_of, with_json


@click.command(
    name="eval",
    epilog="""Examples:

      multigraft eval runs/first --split test

      multigraft eval runs/first --control no-media --control shuffled-media""",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--control", "controls", multiple=True, metavar="NAME", help="Score a control as well; may be repeated.")
@click.option("--split", help="Split to score [default: the recipe's final one].")
@with_json
@click.pass_context
def evaluate(context: click.Context, run: Path, controls: tuple[str, ...], split: str | None, as_json: bool) -> None:
    """Score the newest graft in the folder RUN on held-out data, into its results.json and predictions/.

    Controls are the same samples with something taken away: untrained, no-graft, no-media, shuffled-media,
    reversed-frames, shuffled-frames, last-frame.
    """
    from multigraft.core.cli.console import console
    from multigraft.core.cli.score_table import score_table
    from multigraft.core.run.distributed import join_processes
    from multigraft.core.training.evaluate_saved import evaluate_saved

    results = evaluate_saved(run, registry_of(context), split, controls)
    if not join_processes().is_main_process:
        return
    if as_json:
        click.echo(json.dumps(results))
    else:
        console(sys.stdout).print(score_table(results))
