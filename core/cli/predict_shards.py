"""`multigraft predict RUN --shards ... --format NAME`: a file of answers for a leaderboard."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry

_SHOWN = 5


def answer_shards(
    run: Path, task: str, shards: Sequence[str], form: str, output: Path, registry: "Registry", as_json: bool
) -> None:
    """Answer all annotations of shards and write them in the form of a leaderboard.

    Raises:
        MultigraftError: there is no such form, task or shard, or an answer cannot be told in this form.
    """
    from multigraft.core.atomic import write_text
    from multigraft.core.data.skipped import SkippedLog
    from multigraft.core.evaluation.loaded import load_all
    from multigraft.core.evaluation.shard_answers import shard_predictions
    from multigraft.core.run.artifact import open_artifact
    from multigraft.core.run.progress_bar import ProgressBar

    options = registry.options("answer_formats", form).model_validate({"kind": form}, context={"registry": registry})
    written_as = registry.build("answer_formats", options)
    open_artifact(run, registry).require(task)
    graft, log = load_all({"": run}, registry)[""], SkippedLog(None, 1)
    try:
        with ProgressBar(f"answering {task}") as bar:
            found = shard_predictions(graft, task, shards, log, bar.update)
    finally:
        graft.reader.decoder.close()
    write_text(output, written_as.text(found))
    for each in log.listed[:_SHOWN]:
        click.echo(f"{each.shard}#{each.key} {each.annotation}: {each.reason} {each.detail}".rstrip(), err=True)
    left_out = sum(each.count for each in log.listed)
    facts = {"answered": len(found), "left out": left_out, "output": str(output)}
    told = f"{len(found)} answered, {left_out} could not be asked: {output}"
    click.echo(json.dumps(facts) if as_json else told)
