"""`multigraft data pack`: people's own tables and media to shards."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.shard import open_shard
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError

TASK = "visual-question-answering"


@pytest.fixture
def pictures(tmp_path, picture_file):
    """A folder of three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("red.PNG", "green.png", "blue.png"):
        (folder / name).write_bytes(picture_file(name[:-4]))
    return folder


@pytest.fixture
def rows(tmp_path):
    """Write JSON lines; the file's path."""

    def write(*rows, name="questions.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    return write


def pack(*words):
    return CliRunner().invoke(cli, ["data", "pack", *map(str, words), "--task", TASK])


def annotations(shard):
    found = open_shard(shard)
    return [found.annotation(row) for row in range(len(found.index.annotations.task))]


def test_json_lines_and_a_folder_of_pictures_become_a_shard(rows, pictures, tmp_path):
    file = rows(
        {"question": "which colour?", "answer": "red", "file": "red.PNG"},
        {"question": "and this?", "answer": ["green", "lime"], "file": "green.png"},
        {"question": "is it warm?", "answer": {"text": "yes", "score": 0.7}, "file": "./red.PNG"},
    )
    out = tmp_path / "shards"
    packed = pack(file, out, "--media", pictures, "--map", "question=text,answer=answers,file=media", "--json")
    assert packed.exit_code == 0, packed.stderr
    assert json.loads(packed.stdout)["counts"] == {
        "rows": 3, "annotations": 3, "samples": 2, "duplicates": 0, "dropped": {},
    }  # fmt: skip
    red, warm, green = annotations(out / "train-000000.tar")
    assert (red.id, red.task, red.text, red.media) == ("questions#0", TASK, "which colour?", ("png",))
    assert (warm.id, warm.answers[0].score, warm.media) == ("questions#2", 0.7, ("png",))
    assert [answer.text for answer in green.answers] == ["green", "lime"]
    shard = open_shard(out / "train-000000.tar")
    assert [shard.read(sample, "png") for sample in range(2)] == [
        (pictures / name).read_bytes() for name in ("red.PNG", "green.png")
    ]


def test_people_are_told_on_stderr_and_stdout_is_empty(rows, pictures, tmp_path):
    packed = pack(rows({"text": "a", "media": "red.PNG"}), tmp_path / "my shards", "--media", pictures)
    assert packed.stdout == ""
    assert packed.stderr.splitlines()[-2:] == [
        f"{tmp_path}/my shards: 1 of 1 rows packed, as 1 samples in 1 shards train-*.tar",
        f"next: multigraft data inspect '{tmp_path}/my shards'",
    ]
    shown = CliRunner().invoke(cli, ["data", "inspect", str(tmp_path / "my shards")])
    assert "1 samples" in shown.stdout


def test_rows_that_are_there_twice_are_counted_and_packed(rows, pictures, tmp_path):
    red = {"text": "which?", "answers": "red", "media": "red.PNG"}
    file = rows(red, {**red, "answers": "rot"}, red, {**red, "id": "own"}, {**red, "id": "own"})
    words = (file, tmp_path / "out", "--media", pictures, "--bad-limit", "0.2")
    told = "2 rows are packed that are like an earlier one in all but their id"
    assert pack(*words).stderr.splitlines()[-4:-1] == [
        f"{tmp_path}/out: 4 of 5 rows packed, as 1 samples in 1 shards train-*.tar",
        f"dropped 1 rows: 1 repeated id; each is in {tmp_path}/out/train-dropped.jsonl",
        told,
    ]
    assert told in pack(*words).stderr, "what is packed already is told again"


def test_what_rows_lack_for_their_task_is_told(rows, pictures, tmp_path):
    file = rows({"text": "a", "media": "red.PNG"}, {"text": "b", "answers": "c"}, {"text": " ", "answers": "d"})
    packed = pack(file, tmp_path / "out", "--media", pictures)
    notes = [line for line in packed.stderr.splitlines() if line.startswith("note: ")]
    assert sorted(notes) == [
        f"note: 1 of 3 rows have no answers, and {TASK!r} can neither be trained nor scored on them, only asked",
        f"note: 1 of 3 rows have no text, and {TASK!r} has nothing to ask about them",
        f"note: 2 of 3 rows have no media, and {TASK!r} is about media",
    ]


def test_media_lie_beside_the_table_if_nobody_says_where(rows, pictures):
    (pictures.parent / "questions.csv").write_text("text,media\nwhich?,pictures/blue.png\n")
    packed = pack(pictures.parent / "questions.csv", pictures.parent / "out", "--json")
    assert json.loads(packed.stdout)["of"]["media"] == [str(pictures.parent)]


def test_tars_give_media_by_key_and_field(rows, picture_file, tmp_path):
    with ShardWriter(tmp_path, "clips") as writer:
        for key in ("0001", "0002"):
            writer.write(key, None, {"png": picture_file(size=(int(key), 1))})
    file = rows({"key": 2, "text": "wide?"}, {"key": 1, "text": "square?"})
    words = ("--media", tmp_path / "clips-*.tar", "--map", "key=media,text=text", "--set", "media_name={:04}.png")
    assert pack(file, tmp_path / "out", *words).exit_code == 0
    shard = open_shard(tmp_path / "out" / "train-000000.tar")
    assert [shard.read(sample, "png") for sample in range(2)] == [picture_file(size=(2, 1)), picture_file(size=(1, 1))]


def test_media_in_the_cells_of_a_table_are_packed(picture_file, tmp_path):
    image = pa.array(
        [{"bytes": picture_file("red"), "path": None}], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    pa.parquet.write_table(pa.table({"image": image, "caption": ["red"]}), tmp_path / "set.parquet")
    packed = pack(tmp_path / "set.parquet", tmp_path / "out", "--map", "image=media,caption=references")
    assert packed.exit_code == 0, packed.stderr
    assert open_shard(tmp_path / "out" / "train-000000.tar").read(0, "png") == picture_file("red")


def test_a_medium_whose_name_is_nearly_right_is_told_with_the_right_one(rows, pictures, tmp_path):
    names = ("red.png", "pictures/blue.png", "green", "/home/me/pictures/green.png")
    packed = pack(rows(*({"text": "a", "media": name} for name in names)), tmp_path / "out", "--media", pictures)
    assert [each.rpartition(": ")[2].partition("; inputs")[0] for each in packed.stderr.splitlines()[1:5]] == [
        "red.png; there is 'red.PNG'",
        "pictures/blue.png; there is 'blue.png'",
        "green; there is 'green.png'",
        "'/home/me/pictures/green.png' is no relative path that stays within a folder; there is 'green.png'",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--kind", "tabel"], "no source named 'tabel'; did you mean 'table'?"),
        (["--set", "seperator=|"], "--set seperator: the source 'table' has no such option; did you mean 'separator'?"),
        (["--map", "tetx=text"], "--map tetx: there is no column 'tetx'; did you mean 'text'?"),
        (["--map", "text=txt"], "--map: column 'text' cannot be 'txt'; did you mean 'text'?"),
        (["--map", "text"], "--map text: 'text' has not the form COLUMN=FIELD"),
        (["--map", "=text"], "--map =text: '=text' has not the form COLUMN=FIELD"),
        (["--map", "text, media=media"],
         "--map text, media: there is no column 'text, media'; each of them needs =FIELD; did you mean 'media'?"),
        (["--map", "text=question,answers=answer,media=file"],
         "--map: 'question' is no field; if it is a column, this is the wrong way round, since columns come before "
         "fields: question=text,answer=answers,file=media or, in a recipe, {question: text, answer: answers, "
         "file: media}; fields: id, "),
        (["--set", "map={text: q, context: q}"], "q=text,q=context or, in a recipe, {q: [text, context]};"),
        (["--map", "text=text", "--set", "map={text: text}"], "--set map: give it by --map alone"),
        (["--set", "task=other"], "--set task: give it by --task alone"),
        (["--set", "delimiter=3"],
         "--set delimiter: expected text, got 3; What stands between the cells of a CSV or TSV file"),
        (["--set", "media_name=[a]"], "--set media_name: expected text, got a list; How a medium is called"),
        (["--set", "map={1: text}"], "--map 1: expected text, got 1"),
        (["--kind", "llava", "--set", "history=maybe"], "--set history: expected true or false, got 'maybe'"),
        (["--set", "split"], "--set split: an option has the form KEY=VALUE"),
        (["--media", "pictuers"], "media: pictuers is not there"),
        (["--media", "{a"], "media: '{a' has a brace without its partner"),
        (["--prefix", "a.b"], "prefix 'a.b': use up to 60 letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_nearest_name(rows, pictures, tmp_path, words, told):
    packed = pack(rows({"text": "a", "media": "pictures/red.PNG"}), tmp_path / "out", *words)
    assert isinstance(packed.exception, MultigraftError | SystemExit)
    assert told in f"{packed.exception}{packed.stderr}"


def test_columns_may_have_commas_in_their_names(pictures, tmp_path):
    (tmp_path / "t.csv").write_text('"what, then",file,"a,b"\nwhich?,pictures/blue.png,red\n')
    packed = pack(tmp_path / "t.csv", tmp_path / "out", "--map", "what, then=text,file=media,a,b=answers")
    assert packed.exit_code == 0, packed.stderr
    [made] = annotations(tmp_path / "out" / "train-000000.tar")
    assert (made.text, made.answers[0].text) == ("which?", "red")


def test_a_task_that_is_nearly_a_kind_is_noted(rows, pictures, tmp_path):
    file = rows({"text": "a", "media": "pictures/red.PNG"})
    words = ["data", "pack", str(file), str(tmp_path / "out"), "--task"]
    told = [CliRunner().invoke(cli, [*words, task]).stderr for task in ("image-captionning", "captions")]
    assert "note: 'image-captionning' is no kind of task, did you mean 'image-captioning'?" in told[0]
    assert "note" not in told[1]


def test_without_pyarrow_the_extra_is_named(tmp_path):
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "pyarrow.py").write_text("raise ImportError('no pyarrow here')\n")
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    program = "import sys; sys.path.insert(0, 'without'); from multigraft.core.cli import main; main()"
    words = [sys.executable, "-c", program, "data", "pack", "t.parquet", "out", "--task", "vqa"]
    outcome = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines()[-1] == (
        "t.parquet is read by pyarrow (no pyarrow here): pip install 'multigraft[tables]'"
    )


def test_rows_that_a_quote_swallows_count_against_the_limit(tmp_path):
    lines = "".join(f"what is {number}?\n" for number in range(20))
    (tmp_path / "t.csv").write_text("text\n" + lines + '"open\n' + lines)
    words = [str(tmp_path / "t.csv"), str(tmp_path / "out"), "--task", TASK, "--bad-limit", "0.1"]
    outcome = CliRunner().invoke(cli, ["data", "pack", *words])
    assert outcome.exit_code == 2
    assert "21 of 41 rows cannot be used, more than the share `--bad-limit 0.1` allows" in outcome.output
