"""Which rows a benchmark has."""

import pytest

from multigraft import ComponentError, MultigraftError, load_recipe, load_registry
from multigraft.plugins.quickstart.bench.choosing import choose
from multigraft.plugins.quickstart.bench.method_table import read_methods

TABLE_1 = {
    "full-fine-tuning", "multiple-adapters", "half-shared", "single-adapter", "hyperformer", "multiple-compacters",
    "single-compacter", "multiple-lora", "single-lora", "multiple-prompts", "single-prompt",
}  # fmt: skip


@pytest.fixture
def chosen():
    """The rows of the quickstart."""

    def make(*plugins, rules=(), names=(), path=None):
        registry = load_registry(plugins)
        table = read_methods(path) if path else read_methods()
        return choose(table, rules, names, lambda overrides: load_recipe("quickstart", overrides, registry), registry)

    return make


def test_the_shipped_rows_change_nothing_but_what_they_are_about(chosen):
    rows = {row.name: row for row in chosen().rows}
    assert rows.keys() >= TABLE_1
    prefix = [name for name, row in rows.items() if any(".prefix=" in each for each in row.overrides)]
    assert prefix == ["single-adapter-without-prefixes", "half-shared-without-prefixes"]
    assert len(rows["single-adapter-without-prefixes"].overrides) - len(rows["single-adapter"].overrides) == 7
    assert [name for name, row in rows.items() if not row.trained] == ["untrained"]
    assert all(len(row.rates) == 3 for row in rows.values())


def test_adapters_that_no_row_names_get_one_with_a_single_graft(chosen):
    rows = {row.name: row for row in chosen().rows}
    assert "graft.adapters=[{kind: ia3}]" in rows["ia3-x-single"].overrides
    assert not {"bottleneck-x-single", "lora-x-single"} & rows.keys()


def test_an_adapter_of_another_package_is_a_row(chosen, plugin_file, adapter_plugin):
    plugin = plugin_file("scale.py", adapter_plugin("scale"))
    assert "scaled-x-single" in [row.name for row in chosen(plugin).rows]


def test_rules_are_for_every_adapter_that_has_no_row_with_them(chosen):
    rows = {row.name: row for row in chosen(rules=("half-shared", "groups")).rows}
    assert {"lora-x-half-shared", "bottleneck-x-groups", "ia3-x-single", "ia3-x-groups"} <= rows.keys()
    assert "bottleneck-x-half-shared" not in rows
    assert "graft.sharing={kind: groups, groups: {pictures: " in rows["lora-x-groups"].overrides[1]


def test_some_rows(chosen):
    assert [row.name for row in chosen(names=("single-lora", "untrained")).rows] == ["single-lora", "untrained"]


def test_unknown_names_are_told_with_the_nearest(chosen):
    with pytest.raises(MultigraftError, match="no row 'single-lorra'; did you mean 'single-lora'"):
        chosen(names=("single-lorra",))
    with pytest.raises(ComponentError, match="no sharing rule named 'half'"):
        chosen(rules=("half",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rates: [1.0]\nrows: {a: {like: b}}", "row 'a' is like 'b', and there is no such row"),
        ("rates: [1.0]\nrows: {a: {like: b}, b: {like: a}}", "row 'a' is like itself"),
        ("rates: [1.0]\nrows: {a/b: {}}", "'a/b' names a file too"),
        ("rates: [1.0]\nrows: {a: {sett: []}}", r"rows\.a\.sett: Extra inputs are not permitted"),
        ("rates: [-1.0]\nrows: {a: {}}", r"rates\.0: Input should be greater than 0"),
        ("rates: [1.0", "cannot be read: while parsing"),
    ],
)
def test_a_table_that_is_wrong(chosen, tmp_path, text, message):
    path = tmp_path / "methods.yaml"
    path.write_text(text)
    with pytest.raises(MultigraftError, match=message):
        chosen(path=path)
