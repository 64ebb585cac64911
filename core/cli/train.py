"""`multigraft train RECIPE`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides
from multigraft.core.errors import MultigraftError
from multigraft.core.suggest import nearest_file

if TYPE_CHECKING:
    from multigraft.core.check.subject import Subject


@click.command(
    epilog="""Examples:

      multigraft train quickstart --run runs/first

      multigraft train my.yaml --set train.steps=100 --dry-run

      multigraft train --resume runs/first

      accelerate launch --num_processes 2 -m multigraft train my.yaml --run runs/two

      torchrun --nproc-per-node 2 -m -- multigraft train my.yaml --run runs/two"""
)
@click.argument("recipe", required=False)
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Folder of the run [default: runs/RECIPE].")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder.")
@click.option("--dry-run", is_flag=True, help="Make two real steps and write nothing.")
@with_overrides
@with_json
@click.pass_context
def train(
    context: click.Context,
    recipe: str | None,
    folder: Path | None,
    resume: Path | None,
    dry_run: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train the graft of RECIPE, a file or the name of a shipped recipe, and score it on held-out data.

    Data are made first where the recipe says how. Ctrl-C finishes the step under way and saves it; `--resume` goes on
    with the very next sample. A run goes on with the recipe that it began with; what does not decide what is trained,
    such as train.steps, may be changed by `--set`. The last line on stdout is the folder of the run.
    """
    from multigraft.core.check.recipe_check import check_shape
    from multigraft.core.recipe.plugin_use import made_with_of, refuse_absent_plugins

    registry = registry_of(context)
    _check_arguments(recipe, folder, resume, dry_run)
    name = str(resume / "recipe.yaml") if resume else str(recipe)
    target = resume or folder or Path("runs") / Path(name).stem
    if resume:
        refuse_absent_plugins(resume, made_with_of(resume), registry, resuming=True)
    subject = check_shape(name, overrides, registry)

    from multigraft.core.run.distributed import join_processes

    stem = Path(name).stem
    answer, lines = _rehearse(subject) if dry_run else _train(subject, target, resume is not None, stem)
    if join_processes().is_main_process:
        click.echo(json.dumps(answer) if as_json else lines)


def _check_arguments(recipe: str | None, folder: Path | None, resume: Path | None, dry_run: bool) -> None:
    if (recipe is None) == (resume is None):
        raise click.UsageError("give a recipe, or a run to `--resume`, and not both")
    if resume and (folder or dry_run):
        raise click.UsageError("`--resume` goes neither with `--run` nor with `--dry-run`")
    if resume and not (resume / "recipe.yaml").is_file():
        wrong = "it has no recipe.yaml" if resume.is_dir() else f"there is no such folder{nearest_file(resume)}"
        raise MultigraftError(f"{resume} is not the folder of a run: {wrong}")
    target = folder or Path("runs") / Path(str(recipe)).stem
    if not resume and not dry_run:
        from multigraft.core.run.run_folder import check_is_new

        check_is_new(target)


def _rehearse(subject: "Subject") -> tuple[dict[str, Any], str]:
    from multigraft.core.check.recipe_check import check_deep
    from multigraft.core.data.indexing import unsaved_indices
    from multigraft.core.run.make_data import make_data
    from multigraft.core.training.session import rehearse

    make_data(subject.recipe, subject.registry, write_nothing=True)
    with unsaved_indices():
        check_deep(subject)
    losses = rehearse(subject.recipe, subject.registry)
    return {"losses": losses}, "\n".join(f"{task}: loss {loss:.4f}" for task, loss in losses.items())


def _train(subject: "Subject", folder: Path, resume: bool, name: str) -> tuple[dict[str, Any], str]:
    from multigraft.core.cli.console import console
    from multigraft.core.cli.score_table import score_table
    from multigraft.core.library import train_checked
    from multigraft.core.run.distributed import join_processes
    from multigraft.core.training.finished import finished

    processes = join_processes(subject.recipe.device)
    results = finished(subject.recipe, subject.registry, folder) if resume else None
    if results is None:
        results, hint = train_checked(subject, folder, resume, name), f"Next: multigraft report {folder}"
    else:
        hint = _told_of_finished(subject, folder, results["step"])
    if processes.is_main_process:
        console(sys.stderr).print(score_table(results))
        click.echo(hint, err=True)
    return {"run": str(folder), **results}, str(folder)


def _told_of_finished(subject: "Subject", folder: Path, steps: int) -> str:
    train = subject.recipe.train
    more = f"train.steps={2 * steps}" if train.epochs is None else f"train.epochs={2 * train.epochs}"
    if train.stages:
        more = f"'train.stages.{len(train.stages)}={{steps: {steps}}}'"
    return (
        f"{folder} is finished: its {steps:,} steps are made and scored, and nothing was changed. "
        f"Train longer by `multigraft train --resume {folder} --set {more}`"
    )
