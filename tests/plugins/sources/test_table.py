"""Rows of CSV, TSV, JSON and JSON lines as annotations."""

import json
import os
import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer
from multigraft.plugins.sources import files
from multigraft.plugins.sources.json_rows import json_rows

ROWS = [
    {"question": "which colour?", "answer": "red", "picture": "a/1.jpg"},
    {"question": 'say "a, b"\nplease', "answer": "a, b", "picture": "2.PNG"},
]
FORMS = {
    "q.csv": '\ufeffquestion,answer,picture\r\nwhich colour?,red,a/1.jpg\r\n"say ""a, b""\nplease","a, b",2.PNG\r\n',
    "q.tsv": 'question\tanswer\tpicture\nwhich colour?\tred\ta/1.jpg\n"say ""a, b""\nplease"\ta, b\t2.PNG\n',
    "q.json": json.dumps(ROWS, indent=2),
    "q.jsonl": "\n\n".join(map(json.dumps, ROWS)),
    "lines.json": "\n".join(map(json.dumps, ROWS)),
    "no-ending": json.dumps(ROWS),
}
MAP = {"question": "text", "answer": "answers", "picture": "media"}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_annotations(source, write, name):
    first, second = source(write(name, FORMS[name]), map=MAP).annotations()
    stem = name.partition(".")[0]
    answers = (ScoredAnswer(text="red"),)
    assert first == Annotation(id=f"{stem}#0", task="vqa", text="which colour?", answers=answers, media=("a/1.jpg",))
    assert (second.id, second.text, second.media) == (f"{stem}#1", 'say "a, b"\nplease', ("2.PNG",))
    assert [answer.text for answer in second.answers] == ["a, b"]


def rows(make, write, *values, **options):
    return list(make(write("t.jsonl", "\n".join(map(json.dumps, values))), **options).annotations())


def test_columns_named_as_fields_need_no_map(source, write):
    [made] = rows(
        source, write, {"id": 7, "text": "t", "references": ["a", "b"], "weight": 2, "noise": 1}, source="set"
    )
    assert made == Annotation(id="7", task="vqa", text="t", references=("a", "b"), weight=2.0, source="set")


MANY = [{"id": str(number), "text": "t"} for number in range(1000)]


def test_a_column_that_comes_up_late_is_used(source, write):
    late = {"id": "late", "text": "t", "context": "kept", "media": ["a.jpg"], "task": "other"}
    made = rows(source, write, *MANY, late)[-1]
    assert made == Annotation(id="late", task="other", text="t", context="kept", media=("a.jpg",))
    mapped = rows(source, write, *MANY, late, map={"text": "text", "context": "context", "media": "media"})[-1]
    assert (mapped.context, mapped.media) == ("kept", ("a.jpg",))


def test_a_column_of_map_that_no_row_has_is_an_error_however_many_there_are(source, write):
    columns = {"text": "text", "contxt": "context"}
    with pytest.raises(OptionError, match="there is no column 'contxt'"):
        rows(source, write, *MANY, {"text": "t"}, map=columns)
    table = write("t.csv", "text\n" + "t\n" * 1001)
    with pytest.raises(OptionError, match="there is no column 'contxt'"):
        next(iter(source(table, map=columns).annotations()))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("red", [("red", 1.0)]),
        (3, [("3", 1.0)]),
        (True, [("true", 1.0)]),
        (["red", "rot"], [("red", 1.0), ("rot", 1.0)]),
        ({"text": "red", "score": 0.3}, [("red", 0.3)]),
        ([{"text": "red", "score": 0.3}, {"text": "blue"}], [("red", 0.3), ("blue", 1.0)]),
        ("a|b", [("a|b", 1.0)]),
        (None, []),
    ],
)
def test_forms_of_answers(source, write, value, texts):
    [made] = rows(source, write, {"text": "t", "answers": value})
    assert [(answer.text, answer.score) for answer in made.answers] == texts


def test_texts_are_split_where_somebody_says_at_what(source, write):
    [made] = rows(source, write, {"choices": "a | b", "media": "1.jpg|2.jpg", "text": "a|b"}, separator="|")
    assert (made.choices, made.media, made.text) == (("a", "b"), ("1.jpg", "2.jpg"), "a|b")


def test_several_columns_add_up_and_one_may_be_several_fields(source, write):
    file = write("t.csv", "left,right,caption,from,to\n1.jpg,2.jpg,both,1,2.5\n3.jpg,,one,0,1\n")
    columns = {"left": "media", "right": "media", "caption": ["answers", "references"], "from": "span", "to": "span"}
    pair, one = source(file, map=columns).annotations()
    assert (pair.media, pair.references, pair.answers[0].text, pair.span) == (
        ("1.jpg", "2.jpg"), ("both",), "both", (1.0, 2.5),
    )  # fmt: skip
    assert one.media == ("3.jpg",)


@pytest.mark.parametrize(
    ("form", "name"), [("{}.jpg", "42.jpg"), ("val/COCO_{:05}.png", "val/COCO_00042.png"), ("{}", "42")]
)
def test_a_medium_may_be_called_by_a_number(source, write, form, name):
    [made] = rows(source, write, {"media": 42}, media_name=form)
    assert made.media == (name,)


@pytest.mark.parametrize("form", ["a.jpg", "{0.__class__}.jpg", "{}{}", "{:>9}"])
def test_the_form_of_a_name_has_one_place_for_the_value(source, write, form):
    with pytest.raises(OptionError, match=r"has not the form .*; How a medium is called whose column holds"):
        rows(source, write, {"media": 42}, media_name=form)


def test_dots_go_deeper_and_into_each_object_of_a_list(source, write):
    row = {"image": {"file": "1.jpg"}, "sentences": [{"raw": "a cat"}, {"raw": "a pet"}], "a.b": "dotted name"}
    columns = {"image.file": "media", "sentences.raw": "references", "a.b": "text"}
    [made] = rows(source, write, row, map=columns)
    assert (made.media, made.references, made.text) == (("1.jpg",), ("a cat", "a pet"), "dotted name")


def test_a_list_deeper_in_a_json_file_is_named(source, write):
    file = write("t.json", json.dumps({"info": {}, "data": {"rows": [{"text": "t"}]}}))
    assert [made.id for made in source(file, records="data.rows").annotations()] == ["t#0"]
    with pytest.raises(MultigraftError, match="no key 'row'; did you mean 'rows'"):
        list(source(file, records="data.row").annotations())


def test_a_json_file_that_is_no_list_tells_where_lists_are(source, write):
    file = write("t.json", json.dumps({"images": [], "annotations": []}))
    with pytest.raises(MultigraftError, match="--set records=images: lists stand under images, annotations"):
        list(source(file).annotations())


def dropped(made):
    return [(each.row, each.reason, each.detail) for each in made if isinstance(each, Dropped)]


def test_an_empty_id_is_none(source, write):
    assert [made.id for made in rows(source, write, {"id": "", "text": "a"}, {"id": "x", "text": "a"})] == ["t#0", "x"]


def test_a_pipe_is_no_table(source, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(OptionError, match=r"pipe\.csv is a pipe"):
        source(tmp_path / "pipe.csv")


def test_a_row_that_cannot_be_used_is_dropped_and_the_others_are_not(source, write):
    file = write("t.csv", b'text,media\na,1.jpg\nshort\n\xff,2.jpg\nb,"3.jpg\n')
    made = list(source(file).annotations())
    assert [each.text for each in made if isinstance(each, Annotation)] == ["a"]
    assert dropped(made) == [
        ("t#1", "bad row", "line 3: 1 cells, where the first line names 2 columns"),
        ("t#2", "bad row", "line 4: it is not UTF-8"),
        ("t#3", "bad row", "line 5: a quote opens here and is never closed"),
    ]


@pytest.mark.parametrize(
    ("content", "rows", "detail"),
    [
        ('"a,1\nb,2\nc,3\n', 3, "line 3: a quote opens here and is never closed; all up to line 5 is one row"),
        ('"a\nb","c""\nd,3\n', 3, "line 4: a quote opens here and is never closed; all up to line 5 is one row"),
        (
            'a,5" wide "b\n"open,2\nc,3\n',
            2,
            "line 4: a quote opens here and is never closed; all up to line 5 is one row",
        ),
        ('"a,1\r\nb,"2"\r\n', 2, "line 4: ',' expected after '\"'; the quote opens in line 3"),
        ('a,"b"c,"d"\n', 1, "line 3: ',' expected after '\"'"),
        ('"a,1\nb"\nc,3\n', 2, "lines 3 to 4: 1 cells, where the first line names 2 columns"),
    ],
)
def test_a_quote_that_swallows_rows_is_told_with_the_line_where_it_opens(source, write, content, rows, detail):
    made = list(source(write("t.csv", f"text,media\nfirst,1\n{content}")).annotations())
    lost = next(each for each in made if isinstance(each, Dropped))
    assert (lost.detail, lost.rows) == (detail, rows)


def test_a_quote_that_swallows_the_first_line_is_told(source, write):
    with pytest.raises(
        MultigraftError, match="line 1: a quote opens here and is never closed; all up to line 2 is one"
    ):
        list(source(write("t.csv", '"text,media\na,1.jpg\n')).annotations())


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        ({"text": ["a"]}, "a list, where a text should be"),
        ({"text": "a", "weight": "heavy"}, "'heavy', where a number should be"),
        ({"text": "a", "answers": {"label": 1}}, "an answer with keys label, where text and score should be"),
        ({"text": "a", "answers": {"text": "b", "score": "x"}}, "'x', where a number should be"),
        ({"text": "a", "answers": [{"text": "b", "score": 2}]},
         "answers.score: Input should be less than or equal to 1"),
        ({"text": "a", "answers": "\ud83d"},
         "answers.text: Input should be a valid string, unable to parse raw data as a unicode string"),
        ({"text": "a", "weight": 10**400}, "int, where a number should be"),
        ({"text": "a", "span": [3, 1]}, "span: it ends at 1 s, before it starts at 3 s"),
    ],
)  # fmt: skip
def test_what_a_field_cannot_have_is_a_bad_row(source, write, row, detail):
    assert dropped(rows(source, write, row, {"text": "good"})) == [("t#0", "bad row", detail)]


def test_a_broken_line_is_a_bad_row(source, write):
    file = write("t.jsonl", '{"text": "a"}\n{"text": \n[1]\n{"text": "b"}\n')
    made = list(source(file).annotations())
    assert [each[0] for each in dropped(made)] == ["t#1", "t#2"]
    assert made[3].id == "t#3"


def test_a_column_that_is_not_there_is_told_with_the_nearest(source, write):
    file = write("t.csv", "question,answer\na,b\n")
    with pytest.raises(OptionError) as error:
        list(source(file, map={"qestion": "text"}).annotations())
    assert str(error.value) == (
        "there is no column 'qestion'; did you mean 'question'? known: answer, question"
    )  # fmt: skip
    assert error.value.location == ("map", "qestion")


def test_a_field_that_is_not_there_is_told_with_the_nearest(source, write):
    with pytest.raises(OptionError, match="column 'a' cannot be 'anwsers'; did you mean 'answers'"):
        source(write("t.csv", "a\nb\n"), map={"a": "anwsers"})


def test_one_value_has_one_column(source, write):
    with pytest.raises(OptionError, match="columns a, b cannot all be 'text'"):
        list(source(write("t.csv", "a,b\n1,2\n"), map={"a": "text", "b": "text"}).annotations())


def test_columns_that_are_no_fields_must_be_mapped(source, write):
    with pytest.raises(OptionError, match="no column has the name of a field: a, b; say what they are by `map`"):
        list(source(write("t.csv", "a,b\n1,2\n")).annotations())


def test_a_file_that_is_not_there_is_told_with_what_is_like_it(source, write):
    file = write("questions.csv", "text\na\n")
    with pytest.raises(OptionError, match=r"question\.csv is not there; did you mean 'questions.csv'"):
        source(file.with_name("question.csv"))


def test_a_link_to_what_is_not_there_is_told(source, tmp_path):
    (tmp_path / "t.csv").symlink_to("nowhere")
    with pytest.raises(OptionError, match=r"t\.csv is a link to nowhere, which is not there$"):
        source(tmp_path / "t.csv")


def test_names_are_not_compared_where_there_are_very_many(source, write, monkeypatch):
    for name in ("a.csv", "b.csv", "c.csv"):
        write(name, "text\na\n")
    file = write("questions.csv", "text\na\n")
    monkeypatch.setattr(files, "_MOST_BESIDE", 3)
    with pytest.raises(OptionError, match=r"question\.csv is not there$"):
        source(file.with_name("question.csv"))


def test_an_unknown_form_is_told(source, write):
    with pytest.raises(MultigraftError, match="no form of tables has this ending; known: arrow, csv"):
        list(source(write("t.xlsx", b"PK\3\4")).annotations())


def test_rows_of_files_with_one_name_are_told_apart(source, write):
    files = [write(f"{folder}/q.csv", "text\na\n") for folder in ("x", "y")]
    assert [each.id for each in source(*files).annotations()] == ["x/q.csv#0", "y/q.csv#0"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=5,
)


@given(values=st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=5), piece=st.integers(1, 7))
def test_a_list_is_read_in_pieces_as_it_is_read_whole(tmp_path_factory, values, piece):
    path = tmp_path_factory.getbasetemp() / "pieces.json"
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1).encode("utf-8", "replace").decode())
    assert [row.values for row in json_rows(path, piece=piece)] == json.loads(path.read_text())


def test_cells_between_semicolons(source, write):
    file = write("t.csv", "text;media\na, b;1.jpg\n")
    with pytest.raises(
        MultigraftError, match="has no ',' and semicolons: say so by `delimiter`, such as --set 'delimi"
    ):
        list(source(file).annotations())
    for named in (file, write("u.tsv", file.read_text())):
        [row] = source(named, delimiter=";").annotations()
        assert (row.text, row.media) == ("a, b", ("1.jpg",))


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_what_is_advised_about_cells_can_be_typed(source, write, mark):
    with pytest.raises(MultigraftError) as caught:
        list(source(write("t.csv", f"text{mark}media\n")).annotations())
    _, word = shlex.split(str(caught.value).partition("such as ")[2])
    assert yaml.safe_load(word.partition("=")[2]) == mark


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "text\na\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("t.json", '[{"text": "a"}]'.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("t.jsonl", '{"text": "a"}\n{"text": "b"}\n'.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("t.csv.gz", b"\x1f\x8b", "is compressed; unpack it first, such as by `gzip -d`"),
    ],
)
def test_what_is_to_be_made_ready_first(source, write, name, content, told):
    with pytest.raises(MultigraftError, match=told):
        list(source(write(name, content)).annotations())


def test_the_rows_of_an_object_are_looked_for_among_lists_of_objects(source, write):
    file = write("t.json", '{"licences": [], "rows": [{"text": "a"}]}')
    with pytest.raises(MultigraftError, match="such as --set records=rows: lists stand under rows, licences"):
        list(source(file).annotations())


ROW = json.dumps(ROWS[0])


@pytest.mark.parametrize(
    ("name", "content", "count"),
    [
        ("one.json", ROW, 1),
        ("indented.json", json.dumps(ROWS[0], indent=2), 1),
        ("blank.json", f"\n\n{ROW}\n{ROW}\n", 2),
        ("marked.json", f"\ufeff{ROW}\n{ROW}\n", 2),
        ("broken.json", f"{{broken\n{ROW}\n{ROW}\n", 2),
        ("list.jsonl", f"[{ROW},\n{ROW}]", 2),
        ("truncated.json", f"{ROW[:-1]}\n{ROW}\n{ROW}\n", 2),
        ("indented.jsonl", json.dumps([ROWS[0]] * 3, indent=2), 3),
        ("indented", json.dumps(ROWS[0], indent=2), 1),
    ],
)
def test_json_and_json_lines_are_told_apart_by_what_is_in_them(source, write, name, content, count):
    made = source(write(name, content), map=MAP).annotations()
    assert [each.text for each in made if isinstance(each, Annotation)] == ["which colour?"] * count


@pytest.mark.parametrize(
    "content", [f'{{"rows": [\n{ROW}\n]}}', f'{{"rows": [\n{ROW}\n,{ROW}\n]}}', f'{{"rows":\n[{ROW}]}}']
)
def test_an_object_in_a_line_of_its_own_makes_no_json_lines(source, write, content):
    made = list(source(write("t.json", content), map=MAP, records="rows").annotations())
    assert [each.text for each in made] == ["which colour?"] * content.count("which colour?")


def test_an_object_alone_is_a_row_where_it_has_columns_and_no_rows(source, write):
    answers = {"text": "t", "answers": [{"text": "a", "score": 0.5}], "by": {"name": "x"}}
    [made] = source(write("a.json", json.dumps(answers))).annotations()
    assert made.answers == (ScoredAnswer(text="a", score=0.5),)
    with pytest.raises(OptionError, match="no column has the name of a field: q, a"):
        list(source(write("b.json", '{"q": "which?", "a": "red"}')).annotations())
    for other in ('{"source": "web", "rows": [{"text": "t"}]}', '{"info": {}, "data": {"rows": []}}'):
        with pytest.raises(MultigraftError, match="it is no list of rows; say by `records`"):
            list(source(write("c.json", other)).annotations())


@pytest.mark.parametrize("content", [f"[{ROW}]\n[{ROW}]\n", json.dumps(ROWS[0], indent=2) * 2])
def test_values_one_behind_the_other_are_not_read_in_part(source, write, content):
    path = write("my t.json", content)
    with pytest.raises(MultigraftError, match=f"Extra data.*`jq -c . '{path}' > '{path}l'`"):
        list(source(path, map=MAP).annotations())


@pytest.mark.parametrize(
    ("name", "content", "option", "why"),
    [
        ("t.jsonl", ROW, {"delimiter": ";"}, "no file is CSV or TSV"),
        ("t.csv", "question\na\n", {"records": "rows"}, "no file is JSON, other than JSON lines"),
        ("t.json", f"{ROW}\n{ROW}", {"records": "rows"}, "no file is JSON, other than JSON lines"),
        ("t.csv", "question\na\n", {"split": "train"}, "no folder of a data set is given"),
    ],
)
def test_an_option_that_no_file_has_a_use_for_is_refused(source, write, name, content, option, why):
    with pytest.raises(OptionError) as error:
        source(write(name, content), map=MAP, **option)
    assert (str(error.value), error.value.location) == (f"it is not used: {why}; leave it out", tuple(option))


def test_an_option_that_one_of_several_files_has_a_use_for_is_taken(source, write):
    files = [write("a.csv", "text;media\na;1.jpg\n"), write("b.jsonl", '{"text": "b"}')]
    assert [each.text for each in source(*files, delimiter=";").annotations()] == ["a", "b"]


@pytest.mark.parametrize("name", ["metadata.csv", "train/metadata.jsonl"])
def test_a_folder_of_pictures_with_metadata_is_told_with_its_table(source, write, tmp_path, name):
    table = write(f"set/{name}", "file_name,text\na.jpg,what?\n")
    with pytest.raises(MultigraftError, match=f"it has pictures with metadata: give {table}, with `map`"):
        source(tmp_path / "set")


def test_a_folder_of_tables_is_told_with_one_of_them(source, write, tmp_path):
    table = write("set/train.csv", "text\na\n")
    with pytest.raises(MultigraftError, match=rf"nor \*.parquet; give the tables in it, such as {table}"):
        source(tmp_path / "set")


def test_names_of_pictures_in_metadata_are_not_left_out(source, write):
    table = write("set/metadata.csv", "file_name,text\na.jpg,what?\n")
    with pytest.raises(OptionError, match=r"'file_name' is no field.*by `map`, such as file_name=media"):
        list(source(table).annotations())
    [made] = source(table, map={"file_name": "media", "text": "text"}).annotations()
    assert made.media == ("a.jpg",)


def test_a_table_elsewhere_is_refused(source):
    with pytest.raises(OptionError, match=r"`https://\.\.\.` is an address; fetch the file first"):
        source("https://example.org/t.csv")


@pytest.mark.parametrize("mark", ['"', "\n", "\r"])
def test_a_mark_with_another_meaning_stands_between_no_cells(source, write, mark):
    with pytest.raises(OptionError, match="has another meaning in a table than to stand between cells"):
        source(write("t.csv", "text\na\n"), delimiter=mark)
