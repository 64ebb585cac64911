"""`multigraft data pack FILE... OUT`."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.errors import MultigraftError, OptionError

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry


@click.command(
    epilog="""Examples:

      multigraft data pack vqa.csv shards --task vqa --media pictures --map question=text,answer=answers,file=media

      multigraft data pack captions.json shards --kind coco --task image-captioning --media val2017 --prefix test""",
    short_help="Pack your own tables and media into shards",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--task", required=True, help="Task of the annotations: a kind, or a name in your recipe.")
@click.option("--kind", default="table", show_default=True, help="Of source; `multigraft plugins list` names all.")
@click.option(
    "--media", multiple=True, metavar="DIR|TAR",
    help="Where media lie; may be repeated, or be a pattern such as 'clips-{000..007}.tar'; if left out, beside FILE.",
)  # fmt: skip
@click.option("--map", "columns", metavar="COLUMN=FIELD,...", help="Which column is what, such as question=text.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another option of the source.")
@click.option("--prefix", default="train", show_default=True, help="Of the shards' names.")
@click.option("--samples-per-shard", type=click.IntRange(min=1), default=500, show_default=True, help="At most.")
@click.option(
    "--bad-limit", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Share of rows that may be bad."
)
@click.option(
    "--reencode", type=click.IntRange(min=16), metavar="PIXELS",
    help="Write clips anew, without sound, so that they decode fast; their shorter side is PIXELS at most.",
)  # fmt: skip
@with_json
@click.pass_context
def pack(
    context: click.Context,
    files: tuple[str, ...],
    out: Path,
    task: str,
    kind: str,
    media: tuple[str, ...],
    columns: str | None,
    settings: tuple[str, ...],
    prefix: str,
    samples_per_shard: int,
    bad_limit: float,
    reencode: int | None,
    as_json: bool,
) -> None:
    """Pack the rows of FILE... and the media that they name into shards in OUT.

    A packing that was stopped goes on after its last whole shard when it is called again.
    """
    from multigraft.core.data.packing.packer import pack as packed
    from multigraft.core.run.packing import packing_of
    from multigraft.core.run.progress_bar import ProgressBar
    from multigraft.core.run.task_lacks import LookedAt

    others = _settings(settings)
    given = {"kind": kind, "files": list(files), "task": task, **others, **_named(columns, media, others)}
    _note_misspelt(registry_of(context), task)
    try:
        packing = packing_of(registry_of(context), given, prefix, samples_per_shard, bad_limit, reencode)
        with ProgressBar(f"packing {prefix}") as bar:
            entry = packed(packing, out, bar.update)
    except OptionError as error:
        raise MultigraftError(f"{_place(error.location)}: {error}") from error
    notes = packing.source.told() if isinstance(packing.source, LookedAt) else ()
    for line in (*(f"note: {each}" for each in notes), *_told(entry, out, prefix)):
        click.echo(line, err=True)
    if as_json:
        click.echo(json.dumps(entry, indent=1))


def _note_misspelt(registry: "Registry", task: str) -> None:
    from multigraft.core.run.packing import misspelt_task

    if near := misspelt_task(registry, task):
        click.echo(f"note: {task!r} is no kind of task, did you mean {near!r}? Else name a recipe's task so", err=True)


def _named(columns: str | None, media: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Options that have an option of the command line of their own, as far as they are given.

    Raises:
        MultigraftError: one is given by `--set` too.
    """
    given: dict[str, Any] = {} if columns is None else {"map": _columns(columns)}
    given |= {"media": list(media)} if media else {}
    for key in settings:
        if key in ("kind", "files", "task") or key in given:
            raise MultigraftError(f"--set {key}: give it by {_place((key,))} alone")
    return given


def _columns(text: str) -> dict[str, list[str]]:
    """`a=text,b=answers,b=references` by column; what has no `=` belongs to the name of the next column."""
    found: dict[str, list[str]] = {}
    parts: list[str] = []
    for part in text.split(","):
        parts.append(part)
        if "=" in part:
            column, _, field = ",".join(parts).rpartition("=")
            if not column.strip():
                break
            found.setdefault(column.strip(), []).append(field.strip())
            parts.clear()
    if parts:
        raise MultigraftError(f"--map {text}: {','.join(parts)!r} has not the form COLUMN=FIELD")
    return found


def _settings(texts: Sequence[str]) -> dict[str, Any]:
    """Options by name; values are read as YAML, or are the text itself where they are none."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise MultigraftError(f"--set {text}: an option has the form KEY=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[key] = value
    return found


def _place(location: Sequence[str | int]) -> str:
    """Where on the command line an option was given."""
    names = {"kind": "--kind", "files": "FILE", "map": "--map", "task": "--task", "media": "--media"}
    head, *rest = location or ("kind",)
    return " ".join([names.get(str(head), f"--set {head}"), *(str(each) for each in rest if head != "files")])


def _told(entry: dict[str, Any], out: Path, prefix: str) -> Iterator[str]:
    counts, dropped = entry["counts"], entry["counts"]["dropped"]
    yield (
        f"{out}: {counts['annotations']:,} of {counts['rows']:,} rows packed, as {counts['samples']:,} samples in "
        f"{len(entry['shards']):,} shards {prefix}-*.tar"
    )
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items())
        yield f"dropped {sum(dropped.values()):,} rows: {reasons}; each is in {out / f'{prefix}-dropped.jsonl'}"
    if duplicates := counts.get("duplicates"):
        yield f"{duplicates:,} rows are packed that are like an earlier one in all but their id"
    yield f"next: multigraft data inspect {shlex.quote(str(out))}"
