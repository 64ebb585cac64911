"""What the command line says of shards, recipes and runs with sound."""

import json

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.shard import open_shard


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `multigraft ...` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="multigraft")


@pytest.fixture
def files(sounds, tmp_path):
    """A WAV, a FLAC at another rate in stereo, and a picture, taken out of a shard."""
    shard = open_shard(sounds / "sounds-validation-000000.tar")
    for sample, name in ((0, "a.wav"), (1, "b.flac"), (1, "c.png")):
        (tmp_path / name).write_bytes(shard.read(sample, name[2:], 1 << 20))
    return tmp_path


def test_check_finds_the_recipe_well(run, hearing, heard):
    outcome = run("check", hearing, "--set", heard.inside, "--json")
    assert json.loads(outcome.stdout)["problems"] == []


@pytest.mark.parametrize(
    ("overrides", "notes"),
    [
        ((), []),
        (
            ("trunk.prompt.1.frames=8", "trunk.prompt.1.frame_tokens=2", "trunk.prompt.1.images=3"),
            [
                "`trunk.prompt.1.frames: 8` has no effect on audios as the encoder gives them",
                "`trunk.prompt.1.frame_tokens: 2` has no effect on audios as the encoder gives them",
            ],
        ),
        (
            ("trunk.prompt.0.class_token=drop", "trunk.prompt.0.images=3"),
            ["`trunk.prompt.0.class_token: drop` has no effect on images and videos as the encoder gives them"],
        ),
    ],
)
def test_check_notes_options_of_prompts_without_effect(run, hearing, overrides, notes):
    words = [word for one in overrides for word in ("--set", one)]
    found = json.loads(run("check", hearing, *words, "--json").stdout)
    assert [note for note in found["notes"] if "has no effect" in note] == notes


def test_show_tells_who_owns_the_adapters_in_the_encoder_of_sound(run, hearing, heard):
    shown = json.loads(run("show", hearing, "--set", heard.inside, "--json").stdout)
    (site,) = [row for row in shown["sites"] if row["method"] == "hearing"]
    assert (site["stack"], site["place"], site["layers"]) == ("audio", "feed-forward", [0, 1])
    owners = {row["owner"]: row["numbers"] for row in shown["owners"] if row["part"] == "hearing.down.weight"}
    assert owners == {f"task:{task}": 2 * 3 * 8 for task in ("vqa", "videos", "sounds", "scenes", "notes")}


def test_inspect_counts_sounds(run, sounds):
    found = json.loads(run("data", "inspect", sounds, "--json").stdout)
    counts = {row["field"]: row["files"] for row in found["fields"]}
    assert counts == {"json": 19, "wav": 10, "flac": 9, "png": 19}
    assert found["problems"] == []


def test_predict_answers_about_files_of_sound_as_in_evaluation(run, heard, files):
    one = run("predict", heard.folder, "--task", "sounds", "--audio", "a.wav", "--text", "which pitch?", "--json")
    both = ("--image", "c.png", "--audio", "b.flac")
    two = run("predict", heard.folder, "--task", "scenes", *both, "--text", "what is it?", "--json")
    run("export", heard.folder, "--task", "sounds", "--to", "taken")
    three = run("predict", "taken", "--task", "sounds", "--audio", "b.flac", "--text", "which pitch?", "--json")
    for task, number, outcome in (("sounds", 0, one), ("scenes", 1, two), ("sounds", 1, three)):
        row = json.loads((heard.folder / "predictions" / f"{task}.jsonl").read_text().splitlines()[number])
        found = json.loads(outcome.stdout)
        assert found["output"] == row["output"] in ("low", "middle", "high")
        assert found["score"] == pytest.approx(row["confidence"], abs=1e-4)


def test_predict_answers_a_file_of_questions_about_all_modalities(run, heard, files):
    lines = [
        {"id": "1", "task": "sounds", "text": "which pitch?", "media": ["a.wav"]},
        {"id": "2", "task": "scenes", "text": "what is it?", "media": ["c.png", "b.flac"]},
        {"id": "3", "task": "vqa", "text": "what is it?", "media": ["c.png"]},
    ]
    (files / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    run("predict", heard.folder, "--input", "questions.jsonl", "--output", "answers.jsonl")
    answers = [json.loads(line) for line in (files / "answers.jsonl").read_text().splitlines()]
    alone = run("predict", heard.folder, "--task", "sounds", "--audio", "a.wav", "--text", "which pitch?", "--json")
    assert [each["id"] for each in answers] == ["1", "2", "3"]
    assert answers[0]["output"] == json.loads(alone.stdout)["output"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vqa", "--audio", "a.wav"), "task 'vqa' was trained on images alone, and a.wav is of kind audio"),
        (("sounds", *["--audio", "a.wav"] * 3), "task 'sounds': 3 audios, and the prompt has room for 2"),
        (("sounds", "--audio", "cut.wav"), "cut.wav cannot be decoded: truncated audio: it has fewer bytes than its"),
        (("sounds", "--audio", "c.mp3"), "c.mp3: no input reads .mp3; known: jpg, jpeg, png, webp, mp4"),
    ],
)
def test_predict_refuses_what_it_cannot_hear(run, heard, files, arguments, message):
    (files / "cut.wav").write_bytes((files / "a.wav").read_bytes()[:-99])
    (files / "c.mp3").write_bytes(b"ID3")
    outcome = run("predict", heard.folder, "--task", *arguments, "--text", "which pitch?")
    assert outcome.exit_code == 2
    assert message in str(outcome.exception) + outcome.output
