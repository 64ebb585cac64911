"""`multigraft data stats FILES...`."""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.console import add_row, console, table
from multigraft.core.cli.data_paths import good_files_of
from multigraft.core.cli.data_problems import tell_problems
from multigraft.core.cli.data_verify import finding_line, place_of
from multigraft.core.cli.lazy import registry_of, with_json

if TYPE_CHECKING:
    from multigraft.core.interfaces.input import Input
    from multigraft.core.registry.registry import Registry

_ANSWERS = 3
_COUNTS = ("annotations", "samples", "without_answers", "distinct_answers")


@click.command(epilog="Example: multigraft data stats shards --page stats.html")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page with plots, which needs no other file.")
@click.option(
    "--headers", type=click.IntRange(0), default=1000, show_default=True,
    help="Media of each ending in a shard whose headers are looked at, evenly drawn.",
)  # fmt: skip
@with_json
@click.pass_context
def stats(context: click.Context, files: tuple[str, ...], page: Path | None, headers: int, as_json: bool) -> None:
    """Count what shards hold: by task and source annotations, answers, choices and lengths in words; by ending sizes of
    media, and widths, heights, seconds and frame rates from their headers. Nothing is decoded.

    Exit code 1 if one of FILES is not there or is no shard. What in shards cannot be used is counted, on stderr and on
    the page too, and makes the exit code of `data verify` 1.
    """
    from multigraft.core.data.upkeep.statistics import Statistics
    from multigraft.core.run.progress_bar import ProgressBar

    paths, whole = good_files_of(files)
    statistics = Statistics(_inputs(registry_of(context)), headers)
    with closing(statistics), ProgressBar("counting shards") as bar:
        for done, path in enumerate(paths, 1):
            whole &= statistics.add_file(path)
            bar.update(done, len(paths))
    told = statistics.told()
    if page:
        from multigraft.core.report.data_page import write_data_page

        write_data_page(statistics, ", ".join(files), page)
        click.echo(f"{page} is written", err=True)
    _print(told, as_json)
    tell_problems([(row["reason"], row["count"], place_of(row)) for row in told["findings"]])
    if not whole:
        context.exit(1)


def _inputs(registry: "Registry") -> "list[Input]":
    """Those that can be had here; the others are told."""
    from multigraft.core.report.media_decoder import inputs_of

    inputs, problems = inputs_of(registry.names("inputs"), registry)
    for line in problems:
        click.echo(line, err=True)
    return inputs


def _print(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    click.echo(f"{told['shards']:,} shards, {told['samples']:,} samples")
    shown = [row for row in (_tasks(told), _media(told)) if row.row_count]
    for each in shown:
        console(sys.stdout).print(each)
    for row in told["findings"]:
        click.echo(finding_line(row))


def _tasks(told: Mapping[str, Any]) -> Any:
    numbers = ("annotations", "samples", "without answers", "different answers")
    columns = ("task", "source", *numbers, "words of a question", "of an answer", "most frequent answers")
    made = table(*columns, title="Annotations, and words: least, median, most", numbers=numbers)
    for row in told["tasks"]:
        answers = ", ".join(f"{text} ({count:,})" for text, count in row["most_frequent_answers"][:_ANSWERS])
        counts = [f"{row[name]:,}" for name in _COUNTS]
        add_row(
            made, row["task"], row["source"], *counts, _span(row["question_words"]), _span(row["answer_words"]), answers
        )
    return made


def _media(told: Mapping[str, Any]) -> Any:
    names = ("bytes", "width", "height", "seconds", "fps")
    made = table("ending", "kind", "files", *names, title="Media: least, median, most", numbers=("files",))
    for row in told["media"]:
        add_row(made, row["ending"], row["kind"], f"{row['files']:,}", *(_span(row[name]) for name in names))
    return made


def _span(quantiles: Mapping[str, float]) -> str:
    return " ".join(f"{quantiles[name]:,}" for name in ("least", "median", "most")) if quantiles else ""
