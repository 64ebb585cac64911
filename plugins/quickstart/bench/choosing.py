"""Which rows are trained: those written in a table that can be, and one of each adapter that no row names."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from multigraft import MultigraftError, Recipe, RecipeError, Registry, did_you_mean
from multigraft.plugins.quickstart.bench.method_table import MethodTable, Row, written_rows

ReadRecipe = Callable[[Sequence[str]], Recipe]
"""The recipe with some overrides."""


@dataclass
class Chosen:
    """Rows that can be trained, and why others cannot."""

    rows: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    methods: set[tuple[str, str]] = field(default_factory=set)
    """Adapter and sharing rule of the rows."""

    def take(self, row: Row, read: ReadRecipe, registry: Registry) -> None:
        """Take a row, or note what is wrong with its recipe, such as a method that is not installed."""
        try:
            graft = read(row.overrides).graft
        except RecipeError as error:
            first = error.problems[0]
            self.left_out[row.name] = f"{first.path}: {first.message}"
            return
        self.rows.append(row)
        rule = registry.find("sharing", graft.sharing.kind).component.name
        for adapter in graft.adapters:
            self.methods.add((registry.shortest_name(registry.find("adapters", adapter.kind)), rule))


def choose(
    table: MethodTable, rules: Sequence[str], names: Sequence[str], read: ReadRecipe, registry: Registry
) -> Chosen:
    """The rows to train.

    Args:
        rules: sharing rules that every adapter gets a row with, where no row is the like.
        names: of rows; all if empty.
        read: gives the recipe with a row's overrides.

    Raises:
        MultigraftError: there is no such row or rule.
    """
    for rule in rules:
        registry.find("sharing", rule)
    chosen = Chosen()
    for row in written_rows(table):
        chosen.take(row, read, registry)
    for row in _unnamed(table, rules, chosen.methods, registry):
        chosen.take(row, read, registry)
    known = [*(row.name for row in chosen.rows), *chosen.left_out]
    if unknown := [name for name in names if name not in known]:
        raise MultigraftError(f"no row {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
    wanted = names or known
    left_out = {name: why for name, why in chosen.left_out.items() if name in wanted}
    return Chosen([row for row in chosen.rows if row.name in wanted], left_out)


def _unnamed(
    table: MethodTable, rules: Sequence[str], written: set[tuple[str, str]], registry: Registry
) -> Iterator[Row]:
    """`KIND-x-single` of each adapter that no row names, and `KIND-x-RULE` of every adapter."""
    named = {kind for kind, _ in written}
    for kind in registry.names("adapters"):
        for rule in dict.fromkeys([*(() if kind in named else ("single",)), *rules]):
            if (kind, rule) not in written:
                overrides = (
                    f"graft.adapters=[{{kind: {kind}}}]",
                    f"graft.sharing={table.rules.get(rule, rule)}",
                    "graft.train={norms: true}",
                )
                yield Row(f"{kind}-x-{rule}".replace("/", "."), overrides, tuple(table.rates))
