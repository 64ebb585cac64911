"""`multigraft data inspect PATH...`."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from multigraft.core.cli.console import add_row, console, table
from multigraft.core.cli.data_paths import good_files_of
from multigraft.core.cli.data_problems import NO_SHARD, tell_problems

_SHOWN = 20


@click.command(
    name="inspect",
    epilog="Example: multigraft data inspect shards/easy-vqa-000000.tar",
    short_help="Show what is in shards",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def inspect(context: click.Context, paths: tuple[str, ...], as_json: bool) -> None:
    """Show what is in shards, webdataset tars: fields and their sizes, annotations by task, source and type, the first
    records, and what cannot be used. Of another file it says what it is. Nothing is unpacked or decoded.

    PATH is a file, a folder, or a pattern such as `train-{000..007}.tar`; several are shown one by one and together.
    Exit code 1 if one is not there. What cannot be used is counted on stderr, and makes the exit code of `data verify`
    1.
    """
    from multigraft.core.data.shard_summary import summarize, total

    files, all_there = good_files_of(paths)
    found = total([summarize(path) for path in files])
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    tell_problems([(each["reason"], each["count"], _place_and_detail(each)) for each in found["problems"]])
    if not all_there:
        context.exit(1)


def _place_and_detail(problem: dict[str, Any]) -> str:
    """Where a problem is, and which; what is said of a file that is no shard names it."""
    if problem["reason"] == NO_SHARD:
        return str(problem["detail"])
    return " ".join(filter(None, [f"{problem['shard']}#{problem['key']}".rstrip("#"), problem["detail"]]))


def _print(found: dict[str, Any]) -> None:
    files = found["files"]
    name = found.get("shard") or f"{len(files):,} files"
    click.echo(f"{name}: {found['kind']}, {found['samples']:,} samples, {found['bytes']:,} bytes")
    if len(files) > 1:
        _print_rows("Files", list(map(_file_row, files)))
    _print_rows("Fields", found["fields"])
    _print_rows("Annotations", found["annotations"])
    for line in _record_lines(found["records"]):
        click.echo(line)
    problems = found["problems"]
    if problems:
        count = sum(problem["count"] for problem in problems)
        _print_rows(f"Problems: {count:,}", [_problem_row(each, len(files) > 1) for each in problems])


def _file_row(file: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": Path(file["shard"]).name,
        "is": file["kind"],
        "samples": file["samples"],
        "annotations": sum(row["annotations"] for row in file["annotations"]),
        "bytes": file["bytes"],
        "problems": sum(problem["count"] for problem in file["problems"]),
    }


def _problem_row(problem: dict[str, Any], many: bool) -> dict[str, Any]:
    place = {"file": Path(problem["shard"]).name} if many else {}
    names = ("key", "reason", "count", "detail")
    return place | {name: problem[name] for name in names}


def _record_lines(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    for record in records:
        fields = record["fields"]
        more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        yield f"{record['key']} ({', '.join(fields[:_SHOWN])}{more})"
        if record["annotation"]:
            yield f"  {json.dumps(record['annotation'], ensure_ascii=False)}"


def _print_rows(title: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    numbers = [name for name, value in rows[0].items() if isinstance(value, int)]
    made = table(*rows[0], title=title, numbers=numbers)
    for row in rows[:_SHOWN]:
        add_row(made, *(f"{value:,}" if isinstance(value, int) else value for value in row.values()))
    console(sys.stdout).print(made)
    if len(rows) > _SHOWN:
        click.echo(f"{len(rows) - _SHOWN:,} more; --json lists them all")
