"""`multigraft data merge FILES... OUT`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.data_paths import files_of
from multigraft.core.cli.data_verify import finding_line
from multigraft.core.cli.lazy import with_json

if TYPE_CHECKING:
    from multigraft.core.data.upkeep.rewriting import Written

PER_SHARD = click.option(
    "--samples-per-shard", "per_shard", type=click.IntRange(1), default=500, show_default=True, help="Of new shards."
)


@click.command(epilog="Example: multigraft data merge part-a part-b whole")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.argument("out", type=click.Path(path_type=Path))
@PER_SHARD
@click.option("--prefix", default="data", show_default=True, help="Of the new shards' names.")
@with_json
@click.pass_context
def merge(
    context: click.Context, files: tuple[str, ...], out: Path, per_shard: int, prefix: str, as_json: bool
) -> None:
    """Write all samples of some shards to the new folder OUT, in shards of equal size with indices and a manifest.

    Records and media stay as they are, to the byte. Of equal keys the later ones get names of their own. Exit code 1 if
    a sample is damaged and left out.
    """
    from multigraft.core.data.upkeep.rewriting import rewrite
    from multigraft.core.data.upkeep.samples import open_all
    from multigraft.core.run.progress_bar import ProgressBar

    shards = open_all(files_of(files))
    with ProgressBar("merging shards") as bar:
        written = rewrite(shards, out, [prefix], lambda shard, sample: prefix, per_shard, bar.update)
    facts = {"folder": str(out), "samples": written.samples[prefix], **facts_of(written)}
    click.echo(json.dumps(facts, indent=1, ensure_ascii=False) if as_json else f"{out}: {facts['samples']:,} samples")
    end(context, written)


def facts_of(written: "Written") -> dict[str, Any]:
    """What is said of every rewriting."""
    return {"renamed": written.keys.renamed, "findings": written.findings.rows()}


def end(context: click.Context, written: "Written") -> None:
    """Say on stderr what was changed and left out; exit code 1 where samples were left out."""
    from multigraft.core.data.upkeep.samples import LEFT_OUT

    if written.keys.renamed:
        click.echo(f"{written.keys.renamed:,} samples have new keys, such as {written.keys.first}", err=True)
    for row in written.findings.rows():
        click.echo(finding_line(row), err=True)
    if written.findings.counts[LEFT_OUT]:
        context.exit(1)
