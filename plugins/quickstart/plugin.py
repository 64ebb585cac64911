"""The plugin `quickstart`: the demonstration's data, methods compared on them, and bounds beside its scores."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from multigraft import Command, hookimpl

if TYPE_CHECKING:
    from multigraft import Run


@hookimpl
def register_commands() -> Iterable[Command]:
    """Commands that make the data of the quickstart and of its language model, and that compare methods on them."""
    helps = {
        "quickstart": "Make the quickstart's shards",
        "sapling": "Make the text shards of configs/sapling.yaml",
        "sapling-weights": "Write the backbone of a run of configs/sapling.yaml as 16-bit weights",
    }
    for name, text in helps.items():
        yield Command(("data", name), f"multigraft.plugins.quickstart.command:{name.replace('-', '_')}", text)
    bench = "multigraft.plugins.quickstart.bench.command:methods"
    yield Command(("bench", "methods"), bench, "Train methods with one small budget, and compare them")


@hookimpl
def run_ended(run: "Run", error: BaseException | None) -> None:
    """Put bounds beside the scores of a run on the quickstart's data, if those are of the whole test split."""
    recipe = run.recipe
    if error is None and recipe.eval.final_limit is None and (recipe.data.make or "").startswith("data quickstart"):
        from multigraft.plugins.quickstart.run_bounds import add_bounds

        add_bounds(run)
