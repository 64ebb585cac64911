"""Who owns what, as a table for a terminal."""

from rich.table import Table

from multigraft.core.planning import Plan


def owner_table(plan: Plan) -> Table:
    """A row for each part and task scope."""
    counts = plan.parameters
    title = f"trained {counts.trainable:,} of {counts.total:,} parameters ({counts.percent:.2f} %)"
    table = Table("part", "owner", "tensors", "shapes", "numbers", title=title, title_justify="left")
    for row in plan.owners:
        shapes = " ".join("x".join(map(str, shape)) for shape in row.shapes)
        table.add_row(row.part, row.owner, str(row.tensors), shapes, f"{row.numbers:,}")
    return table
