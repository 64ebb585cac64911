"""`multigraft predict RUN`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from multigraft.core.cli.lazy import ExistingFile, registry_of, with_json

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry

_FILE = ExistingFile(path_type=Path, dir_okay=False, exists=True)


@click.command(
    epilog="""Examples:

      multigraft predict runs/first --task vqa --image shapes.png --text "what color is the shape?"

      multigraft predict runs/first --task statements --image a.png --image b.png --text "both are animals"

      multigraft predict runs/first --task video-question --video clip.mp4 --text "what was done?"

      multigraft predict runs/first --input questions.jsonl --output answers.jsonl

      multigraft predict runs/first --task vqa --shards 'vqa/test-*.tar' --format vqa --output vqa.json

    A line of questions.jsonl: {"id": "1", "task": "vqa", "text": "what color?", "media": ["shapes.png"]} """
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", help="Which of the run's tasks.")
@click.option("--image", "images", type=_FILE, multiple=True, help="A picture; may be repeated, order counts.")
@click.option("--video", "videos", type=_FILE, multiple=True, help="A video.")
@click.option("--audio", "sounds", type=_FILE, multiple=True, help="A clip of sound.")
@click.option("--text", default="", help="Question or statement, without the task's prefix.")
@click.option("--choice", "choices", multiple=True, help="A possible answer; may be repeated.")
@click.option("--input", "questions", type=_FILE, help="A file of questions, a JSON object in each line.")
@click.option("--output", type=click.Path(path_type=Path), help="Where answers go; those to `--input` go on in it.")
@click.option("--shards", multiple=True, metavar="TAR", help="Ask all that shards hold for the task; may be a pattern.")
@click.option("--format", "form", metavar="NAME", help="Of a leaderboard, such as vqa, in which answers are written.")
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
    questions: Path | None,
    output: Path | None,
    shards: tuple[str, ...],
    form: str | None,
    as_json: bool,
) -> None:
    """Answer one question, a file of them, or all that shards hold, with the graft in RUN, the folder of a run or an
    exported one."""
    registry, one = registry_of(context), (*images, *videos, *sounds, *choices, *([text] if text else []))
    if shards or form:
        if not (shards and form and task and output) or questions or one:
            raise click.UsageError("give `--task`, `--shards`, `--format` and `--output` together, and no question")
        from multigraft.core.cli.predict_shards import answer_shards

        answer_shards(run, task, shards, form, output, registry, as_json)
    elif questions or output:
        if not (questions and output) or task or one:
            raise click.UsageError("give `--input` and `--output` together, and no question beside them")
        _answer_file(run, questions, output, registry, as_json)
    else:
        _answer_one(run, task, text, (*images, *videos, *sounds), choices, registry, as_json)


def _answer_one(
    run: Path,
    task: str | None,
    text: str,
    media: tuple[Path, ...],
    choices: tuple[str, ...],
    registry: "Registry",
    as_json: bool,
) -> None:
    from multigraft.core.evaluation.predictor import Predictor
    from multigraft.core.evaluation.questions import Question
    from multigraft.core.run.artifact import open_artifact

    saved = open_artifact(run, registry)
    if task is None:
        raise click.UsageError(f"say which task by `--task`; {run} has: {', '.join(saved.tasks)}")
    saved.require(task)
    with Predictor.load(run, registry) as predictor:
        found = predictor.answer([Question(task, text, media, choices)])[0]
    if found.cut:
        limit = saved.recipe.tasks[task].text_limit
        click.echo(f"too long, and cut: {', '.join(found.cut)}; the run's tasks.{task}.text_limit is {limit}", err=True)
    others = [[other.text, other.score] for other in found.others]
    facts = {"task": task, "output": found.output, "score": found.score, "others": others, "cut": list(found.cut)}
    click.echo(json.dumps(facts) if as_json else found.output)


def _answer_file(run: Path, questions: Path, output: Path, registry: "Registry", as_json: bool) -> None:
    from multigraft.core.evaluation.predictor import Predictor
    from multigraft.core.evaluation.question_file import BadLine, QuestionFile
    from multigraft.core.run.progress_bar import ProgressBar

    file = QuestionFile(questions, output)
    before, now, bad = len(file.answered_before), 0, 0
    with Predictor.load(run, registry) as predictor, ProgressBar(f"answering {questions.name}") as bar:
        for found in file.answer(predictor, predictor.batch):
            if isinstance(found, BadLine):
                bad += 1
                click.echo(f"{questions}:{found.number}: {found.reason}", err=True)
            else:
                now += found
                bar.update(before + now + bad, file.total)
    facts = {"answered": now, "answered before": before, "bad": bad, "output": str(output)}
    told = f"{now} answered, {before} were answered before, {bad} bad lines: {output}"
    click.echo(json.dumps(facts) if as_json else told)
