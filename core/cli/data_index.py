"""`multigraft data index FILE...`."""

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from multigraft.core.cli.lazy import with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multigraft.core.data.upkeep.indexing_many import Indexed

_STATES = ("there", "made", "refused", "unstored")


@click.command(epilog="Example: multigraft data index shards --workers 2")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that make them.")
@click.option("--force", is_flag=True, help="Make again those that are there.")
@with_json
@click.pass_context
def index(context: click.Context, files: tuple[str, ...], workers: int, force: bool, as_json: bool) -> None:
    """Make the index of each shard, SHARD.tar.index beside it, so that no run has to; exit code 1 if there is a file
    that is no shard, an index that cannot be stored, or a FILE that is not there.

    FILE is a file, a folder, or a pattern such as `train-{000..007}.tar`.
    """
    from multigraft.core.cli.data_paths import good_files_of
    from multigraft.core.data.upkeep.indexing_many import index_many
    from multigraft.core.run.progress_bar import ProgressBar

    (paths, all_there), found = good_files_of(files), []
    with ProgressBar("indexing shards") as bar:
        for each in index_many(paths, workers, force):
            found.append(each)
            bar.update(len(found), len(paths))
            if each.detail:
                click.echo(f"{each.shard}: {each.detail}", err=True)
    counts: Counter[str] = Counter(each.state for each in found)
    if as_json:
        states = {state: counts[state] for state in _STATES}
        click.echo(json.dumps({**states, "shards": list(map(asdict, found))}, indent=1, ensure_ascii=False))
    else:
        click.echo(_line(found, counts))
    if counts["refused"] or counts["unstored"] or not all_there:
        context.exit(1)


def _line(found: "Sequence[Indexed]", counts: Counter[str]) -> str:
    parts = [f"{counts['there']:,} there", f"{counts['made']:,} made", f"{counts['refused']:,} refused"]
    parts += [f"{counts['unstored']:,} not stored"] * bool(counts["unstored"])
    samples, annotations = sum(each.samples for each in found), sum(each.annotations for each in found)
    problems = sum(each.problems for each in found)
    told = f"; {problems:,} problems, which `multigraft data inspect` shows" if problems else ""
    return f"{', '.join(parts)}; {samples:,} samples, {annotations:,} annotations{told}"
