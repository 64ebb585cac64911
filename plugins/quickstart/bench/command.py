"""`multigraft bench methods`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from multigraft import MultigraftError, load_registry

if TYPE_CHECKING:
    from multigraft.plugins.quickstart.bench.piece import Bench

TABLE = "methods"


def _words(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    words = _words(context, parameter, value)
    if not words or not all(word.isdecimal() for word in words):
        raise click.BadParameter(f"{value!r} is no list of seeds, such as 0,1,2", context, parameter)
    return tuple(dict.fromkeys(map(int, words)))


@click.command(
    epilog="""Examples:

      multigraft bench methods --folder runs/bench

      multigraft bench methods --rows single-adapter,single-lora --seeds 0,1,2

      multigraft bench methods --plugin scale.py --rules single,half-shared"""
)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("runs/bench"),
              show_default=True, help="What is kept of each training, and the tables.")  # fmt: skip
@click.option("--recipe", default="quickstart", show_default=True, help="What the rows change: a file or a name.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe of all rows.")
@click.option("--methods", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File of rows [default: the shipped methods.yaml].")  # fmt: skip
@click.option("--rows", default="", callback=_words, metavar="A,B", help="These rows only.")
@click.option("--rules", default="", callback=_words, metavar="A,B", help="Every adapter under these sharing rules.")
@click.option("--seeds", default="0", show_default=True, callback=_numbers, metavar="N,N", help="Trainings of a row.")
@click.option("--steps", type=click.IntRange(min=1), default=230, show_default=True, help="Of a training.")
@click.option("--samples", type=click.IntRange(min=1), default=400, show_default=True, help="Scored of each task.")
@click.option("--collect", is_flag=True, help="Train nothing, write the tables of what is kept.")
@click.pass_context
def methods(
    context: click.Context,
    folder: Path,
    recipe: str,
    overrides: tuple[str, ...],
    methods: Path | None,
    rows: tuple[str, ...],
    rules: tuple[str, ...],
    seeds: tuple[int, ...],
    steps: int,
    samples: int,
    collect: bool,
) -> None:
    """Hold methods and sharing rules against each other, each trained with the same small budget.

    Each row's learning rate is chosen by short trials on the split `validation`; the scores are of `test`. FOLDER keeps
    a file of each training. What is there is not made again, so the command goes on where it was stopped; it writes
    methods.md, methods.csv and methods.svg there. A failed training is kept with its error, and the exit code is 1.
    """
    from multigraft.plugins.quickstart.bench.piece import Bench, Budget

    failed = 0
    if not collect:
        registry = context.find_root().obj or load_registry()
        bench = Bench(recipe, overrides, Budget(steps, samples), folder, registry)
        failed = _train(bench, methods, rows, rules, seeds)
    _collect(folder)
    context.exit(1 if failed else 0)


def _train(
    bench: "Bench", methods: Path | None, names: tuple[str, ...], rules: tuple[str, ...], seeds: tuple[int, ...]
) -> int:
    from multigraft import next_writer
    from multigraft.plugins.quickstart.bench.choosing import choose
    from multigraft.plugins.quickstart.bench.method_table import SHIPPED, read_methods
    from multigraft.plugins.quickstart.bench.running import run_all

    bench.require_splits()
    chosen = choose(read_methods(methods or SHIPPED), rules, names, bench.read, bench.registry)
    for name, why in chosen.left_out.items():
        click.echo(f"left out: {name}: {why}", err=True)
    if chosen.left_out:
        click.echo(f"{len(chosen.left_out)} rows left out, {len(chosen.rows)} to train", err=True)
    with next_writer(bench.folder):
        try:
            return run_all(bench, chosen.rows, seeds, lambda line: click.echo(line, err=True))
        except KeyboardInterrupt as stop:
            stop.add_note("the same command goes on")
            raise


def _collect(folder: Path) -> None:
    from multigraft import write_text
    from multigraft.plugins.quickstart.bench.plot import svg
    from multigraft.plugins.quickstart.bench.standings import standings
    from multigraft.plugins.quickstart.bench.tables import comma_separated, markdown

    found = standings(folder)
    if not found.rows:
        raise MultigraftError(f"{folder} keeps no training that went well, so there is no table to write")
    for ending, made in (("md", markdown), ("csv", comma_separated), ("svg", svg)):
        write_text(folder / f"{TABLE}.{ending}", made(found))
    click.echo(str(folder / f"{TABLE}.md"))
