"""`multigraft predict RUN --shards ... --format NAME`: a file of answers for a leaderboard."""

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from multigraft.core.errors import MultigraftError, legible

if TYPE_CHECKING:
    from multigraft.core.interfaces.answer_format import AnswerFormat
    from multigraft.core.registry.registry import Registry
    from multigraft.core.types.prediction import Prediction

_SHOWN = 5


def answer_shards(
    run: Path, task: str, shards: Sequence[str], form: str, output: Path, registry: "Registry", as_json: bool
) -> None:
    """Answer all annotations of shards and write them in the form of a leaderboard.

    Raises:
        MultigraftError: there is no such form, task or shard, ids are not the leaderboard's, the output cannot be
            written, or an answer cannot be told in this form; all predictions are then kept beside the output.
    """
    from multigraft.core.data.skipped import SkippedLog
    from multigraft.core.evaluation.loaded import load_all
    from multigraft.core.evaluation.shard_answers import shard_predictions
    from multigraft.core.run.artifact import open_artifact
    from multigraft.core.run.progress_bar import ProgressBar

    options = registry.options("answer_formats", form).model_validate({"kind": form}, context={"registry": registry})
    written_as = registry.build("answer_formats", options)
    _require_place(output)
    open_artifact(run, registry).require(task)
    graft, log = load_all({"": run}, registry)[""], SkippedLog(None, 1)
    try:
        with ProgressBar(f"answering {task}") as bar:
            found = shard_predictions(graft, task, shards, partial(_check, form, written_as), log, bar.update)
    finally:
        graft.reader.decoder.close()
    _write(written_as, found, output)
    for each in log.listed[:_SHOWN]:
        click.echo(f"{each.shard}#{each.key} {each.annotation}: {each.reason} {each.detail}".rstrip(), err=True)
    left_out = sum(each.count for each in log.listed)
    facts = {"answered": len(found), "left out": left_out, "output": str(output)}
    told = f"{len(found)} answered, {left_out} could not be asked: {output}"
    click.echo(json.dumps(facts) if as_json else told)


def _require_place(output: Path) -> None:
    """Refuse an output that cannot be written, before anything is answered.

    Raises:
        MultigraftError: its folder is not there or takes no files, or it is a folder.
    """
    folder = output.absolute().parent
    if not folder.is_dir():
        raise MultigraftError(f"{output} cannot be written: the folder {folder} is not there")
    if output.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise MultigraftError(f"{output} cannot be written: {'it is a folder' if output.is_dir() else 'no permission'}")


def _check(name: str, form: "AnswerFormat", asked: "Sequence[Prediction]") -> None:
    """Refuse ids that cannot be told in a form, or that another set has given.

    Raises:
        MultigraftError: there are such ids.
    """
    strange = [each.id for each in asked if form.sets and "#" in each.id and _set_of(each) not in form.sets]
    if strange:
        sets = " or ".join(f"{each}#" for each in form.sets)
        raise MultigraftError(
            f"{len(strange):,} of {len(asked):,} ids do not begin with {sets}, such as {legible(strange[0])!r}, so the "
            f"leaderboard of `{name}` does not know them; pack its set by `data pack --kind`, or a table whose column "
            "`id` holds its own ids"
        )
    form.check(asked)


def _set_of(asked: "Prediction") -> str:
    """What stands before the first `#` of an id."""
    return asked.id.partition("#")[0]


def _write(form: "AnswerFormat", found: "Sequence[Prediction]", output: Path) -> None:
    """Write answers in a form; where it refuses them, the predictions as they are.

    Raises:
        MultigraftError: it refuses them, with where they are now; or they cannot be written.
    """
    from multigraft.core.atomic import write_text

    try:
        text = form.text(found)
    except Exception as error:
        raw = output.with_name(f"{output.name}.predictions.jsonl")
        write_text(raw, "".join(json.dumps(each.to_json()) + "\n" for each in found))
        if isinstance(error, MultigraftError):
            raise MultigraftError(f"{error}; what was answered is kept in {raw}") from None
        click.echo(f"what was answered is kept in {raw}", err=True)
        raise
    write_text(output, text)
