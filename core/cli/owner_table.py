"""Which sites are trained at, and who owns what there, as tables for a terminal."""

from rich.table import Table

from multigraft.core.cli.console import add_row, table
from multigraft.core.model.summary import ModelSummary


def site_table(summary: ModelSummary) -> Table:
    """A row for each method, stack and place."""
    made = table("method", "stack", "place", "layers", title="sites")
    for row in summary.sites:
        add_row(made, row.method, row.stack, row.place, row.shown_layers)
    return made


def owner_table(summary: ModelSummary) -> Table:
    """A row for each part and task scope."""
    counts = summary.parameters
    title = f"trained {counts.trainable:,} of {counts.total:,} parameters ({counts.percent:.2f} %)"
    made = table("part", "owner", "tensors", "shapes", "numbers", title=title)
    for row in summary.owners:
        shapes = " ".join("x".join(map(str, shape)) for shape in row.shapes)
        add_row(made, row.part, row.owner, row.tensors, shapes, f"{row.numbers:,}")
    return made
