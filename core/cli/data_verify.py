"""`multigraft data verify FOLDER|FILE...`."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.data_paths import good_files_of
from multigraft.core.cli.data_problems import NO_SHARD
from multigraft.core.cli.lazy import registry_of, with_json

if TYPE_CHECKING:
    from multigraft.core.data.decode import MediaDecoder
    from multigraft.core.data.upkeep.verifying import TaskNeeds, Verifier
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry


@click.command(epilog="Example: multigraft data verify shards --decode --recipe my-recipe.yaml")
@click.argument("files", nargs=-1, required=True, metavar="FOLDER|FILE...")
@click.option("--recipe", help="A recipe whose tasks must be able to use their annotations.")
@click.option("--decode", is_flag=True, help="Decode every medium, by the recipe's inputs or all that are installed.")
@with_json
@click.pass_context
def verify(context: click.Context, files: tuple[str, ...], recipe: str | None, decode: bool, as_json: bool) -> None:
    """Read every byte of shards and hold them against their manifest and indices; exit code 1 if anything is wrong.

    What is wrong is told by reason, with the first of each. Nothing is written. Of a FOLDER all that its manifest.json
    names must be there; of a FILE, what the manifest beside it says of that file must be so.
    """
    from multigraft.core.data.upkeep.verifying import Verifier
    from multigraft.core.recipe.loading import load_recipe

    registry = registry_of(context)
    read = None if recipe is None else load_recipe(recipe, registry=registry)
    paths, all_there = good_files_of(files)
    decoder = _decoder(read, registry) if decode else None
    verifier = Verifier(decoder, list(_needs(read, registry)) if read else [], read.data.threads if read else 2)
    try:
        named = _check_manifests(files, paths, verifier)
        _look(paths, verifier)
    finally:
        if decoder:
            decoder.close()
    _tell(verifier, named, all_there, as_json)
    if verifier.findings or not all_there:
        context.exit(1)


def _decoder(recipe: "Recipe | None", registry: "Registry") -> "MediaDecoder":
    from multigraft.core.report.media_decoder import decoder_of

    names: list[Any] = [options.model_dump() for options in recipe.inputs] if recipe else registry.names("inputs")
    data = {"deadline": recipe.data.deadline} if recipe else {}
    decoder, problems = decoder_of({"inputs": names, "data": data}, registry)
    for line in problems:
        click.echo(f"not decoded: {line}", err=True)
    return decoder


def _needs(recipe: "Recipe", registry: "Registry") -> Iterator["TaskNeeds"]:
    from multigraft.core.data.source import names_taken
    from multigraft.core.data.upkeep.verifying import TaskNeeds

    for name, options in recipe.tasks.items():
        yield TaskNeeds(name, registry.build("tasks", options), names_taken(name, options), options.sources)


def _check_manifests(arguments: Sequence[str], paths: Sequence[Path], verifier: "Verifier") -> int:
    """How many files manifests name of those that are looked at."""
    from multigraft.core.data.upkeep.manifest_check import check_folder

    readable = (each for each in arguments if os.path.isdir(each) and os.access(each, os.R_OK | os.X_OK))
    folders = list(dict.fromkeys(map(Path, readable)))
    others: dict[Path, list[str]] = {}
    for path in paths:
        if path.parent not in folders:
            others.setdefault(path.parent, []).append(path.name)
    wanted: list[tuple[Path, list[str] | None]] = [*((each, None) for each in folders), *others.items()]
    return sum(check_folder(folder, names, verifier.findings) for folder, names in wanted)


def _look(paths: Sequence[Path], verifier: "Verifier") -> None:
    from multigraft.core.run.progress_bar import ProgressBar

    with ProgressBar("verifying shards") as bar:
        for done, path in enumerate(paths, 1):
            verifier.verify(path)
            bar.update(done, len(paths))


def _tell(verifier: "Verifier", named: int, all_there: bool, as_json: bool) -> None:
    looked, findings = verifier.looked, verifier.findings
    if as_json:
        facts = {"named_by_manifests": named, **asdict(looked), "findings": findings.rows()}
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    click.echo(f"{looked.shards:,} files, {looked.samples:,} samples, {looked.annotations:,} annotations")
    for line in _lines(verifier, named):
        click.echo(line)
    for row in findings.rows():
        click.echo(finding_line(row))
    if not findings and all_there:
        click.echo("nothing wrong was found")


def finding_line(row: Mapping[str, Any]) -> str:
    """A reason, how often it was met, and where first."""
    return f"{row['count']:,} x {row['reason']}, first {place_of(row)}"


def place_of(row: Mapping[str, Any]) -> str:
    """Where a reason was met first, and what was said; of a file that is no shard that names it."""
    first = row["first"]
    if row["reason"] == NO_SHARD:
        return str(first["detail"])
    where = " ".join(filter(None, ["#".join(filter(None, [first["file"], first["key"]])), first["annotation"]]))
    return f"{where}: {first['detail']}"


def _lines(verifier: "Verifier", named: int) -> Iterator[str]:
    """What was held against what."""
    looked = verifier.looked
    yield f"held against manifests: {named:,} files; against their indices: {looked.indices:,} shards"
    if looked.without_index:
        yield f"without an index to hold them against: {looked.without_index:,} shards"
    if looked.decoded:
        yield f"decoded: {looked.decoded:,} media"
    for task, count in looked.asked.items():
        yield f"task {task} can use {count:,} annotations"
    if looked.of_no_task:
        yield f"annotations that no task of the recipe takes: {looked.of_no_task:,}"
