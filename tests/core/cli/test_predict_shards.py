"""`multigraft predict RUN --shards ... --format NAME`: from published test questions to a leaderboard's file."""

import json

import pytest

QUESTIONS = [(262148000, 1, "Where is he looking?"), (9001, 2, "What colour?"), (9002, 1, "Is it red?")]


@pytest.fixture(scope="module")
def packed(command, picture_file, tmp_path_factory):
    """A folder of shards: questions of VQA's test set, and statements of NLVR2 without labels."""
    folder = tmp_path_factory.mktemp("published")
    for number, colour in ((1, "red"), (2, "blue")):
        (folder / f"COCO_test2015_{number:012}.jpg").write_bytes(picture_file(colour, form="JPEG"))
    rows = [{"question_id": one, "image_id": picture, "question": text} for one, picture, text in QUESTIONS]
    (folder / "test.json").write_text(json.dumps({"data_subtype": "test2015", "questions": rows}))
    for side in (0, 1):
        (folder / f"test2-0-1-img{side}.png").write_bytes(picture_file())
        (folder / f"test2-1-0-img{side}.png").write_bytes(picture_file() if side else b"\x89PNG no picture")
    names = ("test2-0-1-0", "test2-0-1-1", "test2-1-0-0")
    lines = [json.dumps({"identifier": name, "sentence": "Both are red."}) for name in names]
    (folder / "test2.jsonl").write_text("\n".join(lines))
    for file, kind, task in (
        ("test.json", "vqav2", "visual-question-answering"),
        ("test2.jsonl", "nlvr2", "two-image-statements"),
    ):
        words = ("--kind", kind, "--task", task, "--prefix", kind)
        outcome = command("data", "pack", folder / file, folder / "shards", *words)
        assert outcome.returncode == 0, outcome.stderr
    return folder / "shards"


def test_every_question_of_a_test_set_is_answered_under_its_own_number(run, trained, packed, tmp_path):
    words = ("--task", "vqa", "--shards", packed / "vqav2-*.tar", "--format", "vqa", "--output", tmp_path / "vqa.json")
    outcome = run("predict", trained.folder, *words)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == f"3 answered, 0 could not be asked: {tmp_path / 'vqa.json'}\n"
    rows = json.loads((tmp_path / "vqa.json").read_text())
    assert {row["question_id"] for row in rows} == {number for number, *_ in QUESTIONS}
    answers = {row["question_id"]: row["answer"] for row in rows}
    picture = packed.parent / "COCO_test2015_000000000002.jpg"
    alone = run("predict", trained.folder, "--task", "vqa", "--image", picture, "--text", "What colour?", "--json")
    assert json.loads(alone.stdout)["output"] == answers[9001]


def test_what_could_not_be_asked_is_told(run, trained, packed, tmp_path):
    words = ("--shards", packed / "nlvr2-*.tar", "--format", "nlvr2", "--output", tmp_path / "out.csv", "--json")
    outcome = run("predict", trained.folder, "--task", "statements", *words)
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout) == {"answered": 2, "left out": 1, "output": str(tmp_path / "out.csv")}
    rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert [name for name, _ in rows] == ["test2-0-1-0", "test2-0-1-1"]
    assert {label for _, label in rows} <= {"True", "False"}
    assert "nlvr2#test2-1-0-0: not an image" in outcome.stderr


@pytest.fixture
def table(command, tmp_path):
    """Pack rows of a table for a task; the pattern of the shards."""

    def pack(task, *rows):
        (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        outcome = command("data", "pack", tmp_path / "own.jsonl", tmp_path / "shards", "--task", task)
        assert outcome.returncode == 0, outcome.stderr
        return tmp_path / "shards" / "train-*.tar"

    return pack


def test_ids_that_cannot_be_told_are_refused_before_anything_is_asked(run, trained, table, picture_file, tmp_path):
    (tmp_path / "a.png").write_bytes(picture_file())
    shards = table("visual-question-answering", {"id": "first", "text": "which?", "media": ["a.png"]})
    words = ("--task", "vqa", "--shards", shards, "--format", "vqa", "--output", tmp_path / "out.json")
    outcome = run("predict", trained.folder, *words)
    assert outcome.exit_code != 0
    assert "the id 'first' ends in no number" in f"{outcome.stderr}{outcome.exception}"
    assert not list(tmp_path.glob("out.json*"))


@pytest.mark.parametrize(
    ("form", "sets"),
    [
        ("vqa", "vqav2#"), ("gqa", "gqa#"), ("nlvr2", "nlvr2#"), ("coco-captions", "coco-captions#"),
        ("value", "tvqa# or how2qa# or tvc# or yc2c#"),
    ],
)  # fmt: skip
def test_ids_of_another_set_are_refused_before_anything_is_asked(
    run, trained, table, picture_file, tmp_path, form, sets
):
    (tmp_path / "a.png").write_bytes(picture_file())
    shards = table("visual-question-answering", {"text": "which?", "media": ["a.png"]})
    words = ("--task", "vqa", "--shards", shards, "--format", form, "--output", tmp_path / "out.json")
    outcome = run("predict", trained.folder, *words)
    assert outcome.exit_code != 0
    assert f"1 of 1 ids do not begin with {sets}, such as 'own#0'" in f"{outcome.stderr}{outcome.exception}"
    assert "answering" not in outcome.stderr
    assert not list(tmp_path.glob("out.json*"))


def test_ids_without_a_set_are_taken_for_the_leaderboard_s_own(run, trained, table, picture_file, tmp_path):
    (tmp_path / "a.png").write_bytes(picture_file())
    shards = table("visual-question-answering", {"id": "42", "text": "which?", "media": ["a.png"]})
    words = ("--task", "vqa", "--shards", shards, "--format", "vqa", "--output", tmp_path / "out.json")
    assert run("predict", trained.folder, *words).exit_code == 0
    assert [row["question_id"] for row in json.loads((tmp_path / "out.json").read_text())] == [42]


def test_what_a_form_refuses_is_kept(run, trained, table, picture_file, tmp_path):
    (tmp_path / "a.png").write_bytes(picture_file())
    shards = table("visual-question-answering", {"id": "dev-1-0-0", "text": "which?", "media": ["a.png"]})
    words = ("--task", "vqa", "--shards", shards, "--format", "nlvr2", "--output", tmp_path / "out.csv")
    outcome = run("predict", trained.folder, *words)
    assert outcome.exit_code != 0
    told = f"{outcome.stderr}{outcome.exception}"
    assert f"kept in {tmp_path / 'out.csv.predictions.jsonl'}" in told
    [row] = map(json.loads, (tmp_path / "out.csv.predictions.jsonl").read_text().splitlines())
    assert (row["id"], row["text"]) == ("dev-1-0-0", "which?")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(("output", "told"), [("none/out.json", "is not there"), (".", "it is a folder")])
def test_an_output_that_cannot_be_written_is_refused_first(run, trained, packed, tmp_path, output, told):
    words = ("--shards", packed / "vqav2-*.tar", "--format", "vqa", "--output", tmp_path / output)
    outcome = run("predict", trained.folder, "--task", "vqa", *words)
    assert outcome.exit_code != 0
    assert told in f"{outcome.stderr}{outcome.exception}"
    assert "answering" not in outcome.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "vqaa", "--shards", "a.tar"), "no answer format named 'vqaa'; did you mean 'vqa'?"),
        (("--format", "vqa", "--shards", "a.tar"), "1 of 1 shards are missing: a.tar"),
        (("--format", "vqa"), "give `--task`, `--shards`, `--format` and `--output` together"),
        (("--format", "vqa", "--shards", "a.tar", "--text", "which?"), "together, and no question"),
    ],
)
def test_what_does_not_fit_is_refused(run, trained, words, told):
    outcome = run("predict", trained.folder, "--task", "vqa", "--output", "out.json", *words)
    assert outcome.exit_code != 0
    assert told in f"{outcome.stderr}{outcome.exception}"
