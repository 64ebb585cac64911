"""`multigraft predict RUN --input --output`: a file of questions, answered in batches, by a call that may be killed."""

import json

import pytest


@pytest.fixture(scope="module")
def questions(tmp_path_factory, picture_file):
    """320 good lines of two tasks over three pictures, and five bad ones."""
    folder = tmp_path_factory.mktemp("questions")
    for name, colour in (("red", (220, 30, 30)), ("green", (30, 180, 30)), ("blue", (30, 30, 220))):
        (folder / f"{name}.png").write_bytes(picture_file(colour))
    lines = []
    for number in range(160):
        picture = ("red", "green", "blue")[number % 3]
        lines.append(
            {"id": f"q{number}", "task": "vqa", "text": f"what colour is it {number}?", "media": [f"{picture}.png"]}
        )
        lines.append(
            {"id": f"s{number}", "task": "statements", "text": "both are red", "media": ["red.png", f"{picture}.png"]}
        )
    written = [json.dumps(line) for line in lines]
    written[3:3] = ['{"id": "x", "task": "vqa", ', '{"task": "vqaa", "text": "a", "media": ["red.png"]}', ""]
    written[9:9] = ['{"task": "vqa", "text": "a", "media": ["nowhere.png"]}', '{"id": "q0", "task": "captions"}', "[1]"]
    (folder / "questions.jsonl").write_text("\n".join(written) + "\n")
    return folder / "questions.jsonl"


@pytest.fixture(scope="module")
def straight(command, trained, questions, tmp_path_factory):
    output = tmp_path_factory.mktemp("straight") / "answers.jsonl"
    outcome = command("predict", trained.folder, "--input", questions, "--output", output)
    assert outcome.returncode == 0, outcome.stderr
    return outcome, output


def test_every_good_line_is_answered_and_bad_ones_are_told(straight, questions):
    outcome, output = straight
    rows = [json.loads(line) for line in output.open()]
    asked = [
        json.loads(line) for line in questions.open() if line.startswith('{"id": ') and line.rstrip().endswith("}")
    ]
    assert [row["id"] for row in rows] == [each["id"] for each in asked if each["task"] != "captions"]
    assert outcome.stdout == f"320 answered, 0 were answered before, 5 bad lines: {output}\n"
    told = [
        line.removeprefix(f"{questions}:") for line in outcome.stderr.splitlines() if line.startswith(str(questions))
    ]
    assert [line.split(":")[0] for line in told] == ["4", "5", "10", "11", "12"]
    assert "it is no JSON" in told[0]
    assert "has no task 'vqaa'; did you mean 'vqa'?" in told[1]
    assert "nowhere.png cannot be read: No such file" in told[2]
    assert "id 'q0' stands in an earlier line too" in told[3]
    statements = [row for row in rows if row["task"] == "statements"]
    assert all({row["output"], row["others"][0][0]} == {"true", "false"} for row in statements)
    assert "answering questions.jsonl: 325/325" in outcome.stderr


def test_a_line_says_what_the_question_alone_gets(straight, run, trained, questions):
    rows = {row["id"]: row for row in map(json.loads, straight[1].open())}
    outcome = run("predict", trained.folder, "--task", "vqa", "--image", questions.parent / "green.png",
                  "--text", "what colour is it 1?", "--json")  # fmt: skip
    assert json.loads(outcome.stdout)["output"] == rows["q1"]["output"]


def test_a_killed_call_goes_on_where_it_was(straight, command, stopped_after, trained, questions, tmp_path):
    output = tmp_path / "answers.jsonl"
    words = ["predict", trained.folder, "--input", questions, "--output", output]
    stopped_after("multigraft.core.evaluation.question_file", "_append", 2, words)
    whole = output.read_bytes()
    kept = whole.count(b"\n")
    assert 0 < kept < 320
    output.write_bytes(whole[: whole.rfind(b"\n") + 1] + b'{"id": "half of a li')
    outcome = command(*words)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == f"{320 - kept} answered, {kept} were answered before, 5 bad lines: {output}\n"
    ours, theirs = ([json.loads(line) for line in path.open()] for path in (output, straight[1]))
    assert [(row["id"], row["output"]) for row in ours] == [(row["id"], row["output"]) for row in theirs]
    assert output.read_bytes().startswith(whole[: whole.rfind(b"\n") + 1])


def test_a_line_ends_where_json_says(run, trained, questions, tmp_path):
    picture, output = str(questions.parent / "red.png"), tmp_path / "answers.jsonl"
    line = {"id": "one\u2028two\x85", "task": "vqa", "text": "what\u2028colour?", "media": [picture]}
    asked = tmp_path / "asked.jsonl"
    asked.write_text(json.dumps(line, ensure_ascii=False) + "\r\n", encoding="utf-8", newline="")
    first, again = (run("predict", trained.folder, "--input", asked, "--output", output) for _ in range(2))
    assert first.stdout == f"1 answered, 0 were answered before, 0 bad lines: {output}\n"
    assert again.stdout == f"0 answered, 1 were answered before, 0 bad lines: {output}\n"


@pytest.mark.parametrize("notes", ["notes\n", "notes", '{"idea": 1}', '{"id": "1", "output": "red"}\nnotes'])
def test_what_is_no_file_of_answers_is_refused(run, trained, questions, tmp_path, notes):
    output = tmp_path / "notes.txt"
    output.write_text(notes)
    outcome = run("predict", trained.folder, "--input", questions, "--output", output)
    assert outcome.exit_code == 2
    assert "notes.txt holds something else than answers; name another file" in outcome.stderr
    assert output.read_text() == notes
    assert run("predict", trained.folder, "--input", questions).exit_code == 2
