"""Sources among a task's data: how they are written, and what is said of wrong ones."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from multigraft.core.options.options import DataEntry
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.recipe.loading import validate
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.writing import dump_recipe, write_template
from multigraft.core.recipe.yaml_nodes import read

HEAD = "trunk: {backbone: sapling}\ntasks:\n  vqa:\n    kind: visual-question-answering\n    data: "


@pytest.fixture
def recipe_with(registry):
    """The recipe whose task has these data, as YAML in one line."""
    return lambda data: validate(RecipeFile(Path("r.yaml"), text=f"{HEAD}{data}\n"), registry)


@pytest.fixture
def problem(recipe_with):
    """Line, column and words of the only problem of such a recipe; columns count from the data on."""

    def find(data):
        with pytest.raises(RecipeError) as caught:
            recipe_with(data)
        (one,) = caught.value.problems
        return one.col - len("    data: "), f"{one.path}: {one.message}", one.hint.partition(" known:")[0]

    return find


GIVEN = (
    "{train: {table: train.jsonl, media: images/, map: {question: text, answer: [answers, references]}}}",
    "{train: [{table: [a.csv, b.csv]}, packed/train-*.tar, {table: c.csv, media: [images, more.tar]}]}",
    "{train: {kind: coco, files: [captions.json], media: val2017, question: what?}}".replace("what?", "what"),
    "{train: [a.tar], test: {coco: captions.json}}",
    "{train: {kind: multigraft/table, files: [a.csv], task: colours, source: mine}}",
)


@pytest.mark.parametrize("data", GIVEN)
def test_they_are_written_back_as_they_were_given_and_read_again(data, recipe_with, registry):
    recipe = recipe_with(data)
    text = dump_recipe(recipe)
    assert read(text)["tasks"]["vqa"]["data"] == read(data)
    assert validate(RecipeFile(Path("r.yaml"), text=text), registry) == recipe
    assert validate(RecipeFile(Path("r.yaml"), text=write_template(recipe, registry)), registry) == recipe


def test_the_name_of_a_source_with_its_files_is_short_for_kind_and_files(recipe_with):
    (short,) = recipe_with("{train: {table: a.csv, media: m}}").tasks["vqa"].data["train"]
    (long,) = recipe_with("{train: {kind: table, files: [a.csv], media: [m]}}").tasks["vqa"].data["train"]
    assert isinstance(short, SourceOptions)
    assert (short.kind, short.files, short.media, short.task) == ("table", ["a.csv"], ["m"], "")
    assert dict(short) == dict(long)


def test_a_plain_list_may_have_sources_too(recipe_with):
    first, second = recipe_with("[a.tar, {table: a.csv}]").tasks["vqa"].data["train"]
    assert (first, second.files) == ("a.tar", ["a.csv"])


def test_wrong_keys_are_named_with_the_nearest_at_their_place(problem):
    path = "tasks.vqa.data.train"
    near = "did you mean 'media'?"
    assert problem("{train: {table: x, medai: y}}") == (20, f"{path}.medai: unknown key 'medai'", near)
    assert problem("{train: [{table: x, medai: y}]}")[:2] == (21, f"{path}.0.medai: unknown key 'medai'")
    assert problem("[{table: x, medai: y}]")[2] == near
    none = "expected a pattern of shards, or a source such as `table: FILE` or `kind: NAME`"
    assert problem("{train: {tabel: x}}") == (9, f"{path}: {none}", "did you mean 'table'?")
    assert problem("{train: [3]}")[1] == f"{path}.0: {none}"


def test_wrong_values_are_named_at_their_place(problem):
    path = "tasks.vqa.data.train.0"
    files = "expected a file or folder, or a list of them"
    assert problem("{train: [{table: 3}]}")[:2] == (18, f"{path}.table: {files}")
    assert problem("{train: [{table: []}]}")[:2] == (18, f"{path}.table: {files}")
    column = "column 'a' cannot be 'txt'; did you mean 'text'?"
    assert problem("{train: [{table: x, map: {a: txt}}]}")[1].startswith(f"{path}.map: {column}")
    assert problem("{train: [{kind: tabel, files: [x]}]}")[1:] == (
        f"{path}.kind: no source named 'tabel'", "did you mean 'table'?",
    )  # fmt: skip


def test_a_text_alone_is_told_with_the_forms_of_shards_and_of_tables(problem):
    forms = "write [a.csv] for shards, {table: a.csv} for a table, with `media` and `map` as they are needed"
    told = "expected a list, or a source, got 'a.csv'"
    assert problem("{train: a.csv}") == (9, f"tasks.vqa.data.train: {told}", forms)
    assert problem("{train: [b.tar], test: a.csv}")[1] == f"tasks.vqa.data.test: {told}"
    assert problem("a.csv") == (1, f"tasks.vqa.data: {told}", forms)
    assert problem("{train: '*.csv'}")[2].startswith('write ["*.csv"] for shards, {table: "*.csv"} for a table')


def test_keys_of_a_source_can_be_set(registry):
    document = RecipeFile(Path("r.yaml"), ("tasks.vqa.data.train.media=here",), f"{HEAD}{{train: {{table: a.csv}}}}\n")
    (source,) = validate(document, registry).tasks["vqa"].data["train"]
    assert source.media == ["here"]


def test_the_json_schema_has_all_forms(registry):
    text, *variants = TypeAdapter(DataEntry).json_schema()["anyOf"]
    assert text == {"type": "string"}
    kinds = registry.names("sources")
    long, short = variants[: len(kinds)], variants[len(kinds) :]
    assert [each["properties"]["kind"]["enum"][0] for each in long] == kinds
    table = long[kinds.index("table")]["allOf"][0]
    assert "where media lie" in table["properties"]["media"]["description"]
    assert [each["required"] for each in short] == [[kind] for kind in kinds]
