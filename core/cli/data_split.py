"""`multigraft data split FILES... OUT --parts train=0.8,test=0.2`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from multigraft.core.cli.data_merge import PER_SHARD, end, facts_of
from multigraft.core.cli.data_paths import files_of
from multigraft.core.cli.lazy import with_json
from multigraft.core.errors import MultigraftError

if TYPE_CHECKING:
    from multigraft.core.data.upkeep.parts import By

Counts = Mapping[str, Mapping[str, int]]


@click.command(epilog="Example: multigraft data split shards parts --parts train=0.8,validation=0.1,test=0.1")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--parts", required=True, metavar="NAME=SHARE,...", help="Shares that add up to 1.")
@click.option(
    "--by", type=click.Choice(["media", "key", "source"]), default="media", show_default=True,
    help="What else is kept together, besides samples with a medium in common.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws which part a group is in.")
@PER_SHARD
@with_json
@click.pass_context
def split(
    context: click.Context,
    files: tuple[str, ...],
    out: Path,
    parts: str,
    by: "By",
    seed: int,
    per_shard: int,
    as_json: bool,
) -> None:
    """Write the samples of shards to the new folder OUT in parts, `NAME-000000.tar`, ..., with indices and a manifest.

    No medium comes to lie in two parts, by its size and crc32; samples stay whole. The same seed always puts the same
    samples into the same parts, whatever the order of the files. Exit code 1 if a sample is damaged and left out.
    """
    from multigraft.core.data.upkeep.parts import Parts, parse_parts
    from multigraft.core.data.upkeep.rewriting import rewrite
    from multigraft.core.data.upkeep.samples import open_all
    from multigraft.core.run.progress_bar import ProgressBar

    shares = parse_parts(parts)
    shards = open_all(files_of(files))
    found = Parts(shards, shares, by, seed)
    counts = found.counts()
    _refuse_empty(counts)
    with ProgressBar("splitting shards") as bar:
        written = rewrite(shards, out, list(shares), found.part_of, per_shard, bar.update)
    facts = {name: {"samples": written.samples[name], "groups": counts[name]["groups"]} for name in shares}
    if as_json:
        click.echo(json.dumps({"folder": str(out), "parts": facts, **facts_of(written)}, indent=1, ensure_ascii=False))
    else:
        _print(out, facts, shares)
    end(context, written)


def _refuse_empty(counts: Counts) -> None:
    empty = [name for name, count in counts.items() if not count["samples"]]
    if empty:
        total = sum(count["groups"] for count in counts.values())
        raise MultigraftError(
            f"the part {', '.join(empty)} would get none of {total:,} groups of samples that belong together; "
            "give it a larger share, take another `--seed`, or split by something finer"
        )


def _print(out: Path, facts: Counts, shares: Mapping[str, float]) -> None:
    total = max(1, sum(each["samples"] for each in facts.values()))
    for name, each in facts.items():
        share = each["samples"] / total
        click.echo(
            f"{out}/{name}-*.tar: {each['samples']:,} samples in {each['groups']:,} groups, "
            f"{share:.1%} (asked for {shares[name]:.1%})"
        )
