"""The plugin `quickstart`: commands that make the demonstration's data, and bounds beside its scores."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from multigraft import Command, hookimpl

if TYPE_CHECKING:
    from multigraft import Run


@hookimpl
def register_commands() -> Iterable[Command]:
    """Commands that make the data of the quickstart and of its language model."""
    helps = {
        "quickstart": "Make the quickstart's shards",
        "sapling": "Make the text shards of configs/sapling.yaml",
        "sapling-weights": "Write the backbone of a run of configs/sapling.yaml as 16-bit weights",
    }
    for name, text in helps.items():
        yield Command(("data", name), f"multigraft.plugins.quickstart.command:{name.replace('-', '_')}", text)


@hookimpl
def run_ended(run: "Run", error: BaseException | None) -> None:
    """Put bounds beside the scores of a run on the quickstart's data."""
    if error is None and (run.recipe.data.make or "").startswith("data quickstart"):
        from multigraft.plugins.quickstart.run_bounds import add_bounds

        add_bounds(run)
