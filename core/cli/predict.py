"""`multigraft predict RUN`."""

import json
from pathlib import Path

import click

from multigraft.core.cli.lazy import ExistingFile, registry_of, with_json

_FILE = ExistingFile(path_type=Path, dir_okay=False, exists=True)


@click.command(
    epilog="""Examples:

      multigraft predict runs/first --task vqa --image shapes.png --text "what color is the shape?"

      multigraft predict runs/first --task statements --image a.png --image b.png --text "both are animals"

      multigraft predict runs/first --task video-question --video clip.mp4 --text "what was done?" """
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", help="Which of the run's tasks.")
@click.option("--image", "images", type=_FILE, multiple=True, help="A picture; may be repeated, order counts.")
@click.option("--video", "videos", type=_FILE, multiple=True, help="A video.")
@click.option("--audio", "sounds", type=_FILE, multiple=True, help="A clip of sound.")
@click.option("--text", default="", help="Question or statement, without the task's prefix.")
@click.option("--choice", "choices", multiple=True, help="A possible answer; may be repeated.")
@with_json
@click.pass_context
def predict(
    context: click.Context,
    run: Path,
    task: str | None,
    images: tuple[Path, ...],
    videos: tuple[Path, ...],
    sounds: tuple[Path, ...],
    text: str,
    choices: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer one question with the graft in RUN, the folder of a run or an exported one."""
    from multigraft.core.evaluation.questions import Question
    from multigraft.core.evaluation.serving import reply
    from multigraft.core.run.artifact import open_artifact

    registry = registry_of(context)
    saved = open_artifact(run, registry)
    if task is None:
        raise click.UsageError(f"say which task by `--task`; {run} has: {', '.join(saved.tasks)}")
    found = reply(saved, Question(task, text, (*images, *videos, *sounds), choices), registry)
    if found.cut:
        limit = saved.recipe.tasks[task].text_limit
        click.echo(f"too long, and cut: {', '.join(found.cut)}; the run's tasks.{task}.text_limit is {limit}", err=True)
    facts = {"task": task, "output": found.output, "cut": list(found.cut)}
    click.echo(json.dumps(facts) if as_json else found.output)
