"""`multigraft data inspect SHARD`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_SHOWN = 20


@click.command(
    name="inspect",
    epilog="Example: multigraft data inspect shards/easy-vqa-000000.tar",
    short_help="Show what is in a shard",
)
@click.argument("shard", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def inspect(shard: Path, as_json: bool) -> None:
    """Show what is in SHARD, a webdataset tar: fields and their sizes, annotations by task, source and type, the
    first records, and what cannot be used. Nothing is unpacked or decoded."""
    from multigraft.core.data.summary import summarize

    found = summarize(shard)
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found, Console())


def _print(found: dict[str, Any], console: Console) -> None:
    click.echo(f"{found['shard']}: {found['samples']:,} samples, {found['bytes']:,} bytes")
    for name in ("fields", "annotations"):
        if found[name]:
            console.print(_table(name.capitalize(), found[name]))
    for record in found["records"]:
        click.echo(f"{record['key']} ({', '.join(record['fields'])})")
        if record["annotation"]:
            click.echo(f"  {json.dumps(record['annotation'], ensure_ascii=False)}")
    problems = found["problems"]
    if problems:
        console.print(_table(f"Problems: {len(problems)}", problems[:_SHOWN]))
    if len(problems) > _SHOWN:
        click.echo("--json lists them all")


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int) else "left")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else escape(value) for value in row.values()))
    return table
