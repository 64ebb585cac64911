"""`multigraft predict RUN`, `multigraft export RUN`: questions about files, with a run and with what is exported."""

import json

import pytest
from safetensors import safe_open

TASKS = ("vqa", "statements", "captions", "videos")


@pytest.fixture(scope="module")
def media(tmp_path_factory, picture_file, clip_file):
    """A folder with two pictures, a video, and a text file that is called a picture."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "red.png").write_bytes(picture_file((220, 30, 30)))
    (folder / "blue.jpg").write_bytes(picture_file((30, 30, 220), form="JPEG"))
    (folder / "clip.mp4").write_bytes(clip_file(frames=12))
    (folder / "text.png").write_text("no picture at all")
    (folder / "cut.mp4").write_bytes(clip_file(frames=12)[:900])
    (folder / "notes.txt").write_text("notes")
    (folder / "notes").write_text("notes")
    return folder


@pytest.fixture
def predict(run, trained, media):
    """Ask the run; file names are those of the media folder."""

    def ask(*words, folder=trained.folder):
        named = [media / word if (media / word).is_file() else word for word in map(str, words)]
        return run("predict", folder, *named)

    return ask


QUESTIONS = {
    "vqa": ("--image", "red.png", "--text", "what colour?"),
    "statements": ("--image", "red.png", "--image", "blue.jpg", "--text", "both are red"),
    "captions": ("--image", "blue.jpg"),
    "videos": ("--video", "clip.mp4", "--text", "which colour?"),
}


@pytest.mark.parametrize("task", TASKS)
def test_an_answer(predict, task):
    outcome = predict("--task", task, *QUESTIONS[task], "--json")
    assert outcome.exit_code == 0, outcome.stderr
    answer = json.loads(outcome.stdout)
    assert answer["task"] == task
    assert predict("--task", task, *QUESTIONS[task]).stdout == f"{answer['output']}\n"


def test_a_statement_is_true_or_false(predict):
    assert predict("--task", "statements", *QUESTIONS["statements"]).stdout in ("true\n", "false\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "vqa", "--image", "text.png", "--text", "what?"), r"text.png cannot be decoded: not an image"),
        (("--task", "videos", "--video", "cut.mp4", "--text", "what?"), r"cut.mp4 cannot be decoded: "),
        (("--task", "vqa", "--image", "notes.txt", "--text", "what?"), "no input reads .txt; known: jpg, jpeg, png"),
        (("--task", "vqa", "--image", "notes", "--text", "what?"), "no input reads a file without an ending"),
        (("--task", "vqa", "--image", "red.png"), "task 'vqa': missing field: text of"),
        (("--task", "vqa", "--image", "red.png", "--text", " "), "task 'vqa': missing field: text of"),
        (("--task", "vqa", "--text", "what?"), "task 'vqa' reads media and was given none"),
        (("--task", "captions"), "task 'captions' reads media and was given none"),
        (("--task", "statements", "--image", "red.png", "--text", "one"), "missing field: media (two, not 1)"),
        (("--task", "vqaa", "--image", "red.png", "--text", "what?"), "has no task 'vqaa'; did you mean 'vqa'?"),
        (("--task", "vqa", "--image", "red.png"), "; it takes `--text` and `--image`\n"),
        (
            ("--task", "vqa", "--image", "red.png", "--text", "what?", "--choice", "red", "--choice", "blue"),
            "task 'vqa' would ignore the choices 'red', 'blue'; it takes `--text` and `--image`\n",
        ),
        (
            ("--task", "vqa", "--image", "red.png", "--video", "clip.mp4", "--text", "what?"),
            "clip.mp4 is of kind video; it takes `--text` and `--image`\n",
        ),
        (
            ("--task", "videos", "--image", "red.png", "--text", "what?"),
            "task 'videos' was trained on videos alone, and ",
        ),
        (
            ("--task", "captions", "--image", "red.png", "--text", "what?"),
            "task 'captions' would ignore the text 'what?'; it takes `--image`\n",
        ),
        (
            ("--task", "statements", "--image", "red.png", "--image", "red.png", "--image", "red.png", "--text", "one"),
            "task 'statements': missing field: media (two, not 3) of annotation question; "
            "it takes `--text` and `--image` twice\n",
        ),
        (
            ("--task", "statements", *("--image", "red.png") * 2, "--text", "one", "--choice", "true"),
            "task 'statements' would ignore the choices 'true'; it takes `--text` and `--image` twice\n",
        ),
    ],
)
def test_what_cannot_be_answered(predict, words, message):
    outcome = predict(*words)
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert outcome.stdout == ""


def test_a_file_that_is_not_there(predict):
    outcome = predict("--task", "vqa", "--image", "absent.png", "--text", "what?")
    assert outcome.exit_code == 2
    assert "'absent.png' does not exist" in outcome.stderr


def test_what_a_limit_cuts_is_told(predict):
    words = ("--task", "vqa", "--image", "red.png", "--text", "what colour has the thing? " * 8)
    outcome = predict(*words)
    assert outcome.exit_code == 0
    assert outcome.stderr == "too long, and cut: question; the run's tasks.vqa.text_limit is 40\n"
    assert json.loads(predict(*words, "--json").stdout)["cut"] == ["question"]


def test_the_nearest_file_is_named(predict, media):
    outcome = predict("--task", "vqa", "--image", media / "rde.png", "--text", "what?")
    assert f"does not exist (did you mean '{media / 'red.png'}'?)" in outcome.stderr


def test_the_tasks_are_named_where_none_is_asked(predict):
    outcome = predict("--image", "red.png")
    assert outcome.exit_code == 2
    assert "say which task by `--task`" in outcome.stderr
    assert "has: vqa, statements, captions, videos" in " ".join(outcome.stderr.split())


def test_a_folder_that_is_no_run(predict, tmp_path):
    outcome = predict("--task", "vqa", "--text", "what?", folder=tmp_path)
    assert outcome.exit_code == 2
    assert "is neither the folder of a run with a checkpoint nor an exported one" in outcome.stderr


def test_an_exported_task_answers_alone_as_the_run_does(run, predict, trained, tmp_path):
    for task in TASKS:
        target = tmp_path / task
        assert run("export", trained.folder, "--task", task, "--to", target).stdout == f"{target}\n"
        words = ("--task", task, *QUESTIONS[task])
        assert predict(*words, folder=target).stdout == predict(*words).stdout


@pytest.fixture
def exported(run, trained, tmp_path):
    target = tmp_path / "vqa"
    outcome = run("export", trained.folder, "--task", "vqa", "--to", target, "--json")
    assert json.loads(outcome.stdout) == {"folder": str(target)}
    return target


def test_an_export_holds_what_the_task_needs_and_no_more(exported, trained):
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert files == {
        "recipe.yaml", "graft/graft.json", "graft/shared.safetensors", "graft/task-vqa.safetensors",
    }  # fmt: skip
    facts = json.loads((exported / "graft" / "graft.json").read_text())
    assert facts["tasks"] == ["vqa"]
    assert set(facts["tensors"]) == {"shared", "task:vqa"}
    for name in ("shared", "task-vqa"):
        own, whole = (
            safe_open(folder / f"{name}.safetensors", "pt")
            for folder in (exported / "graft", trained.folder / "checkpoints" / "00000002" / "graft")
        )
        assert set(own.keys()) == set(whole.keys())
        assert all((own.get_tensor(key) == whole.get_tensor(key)).all() for key in own.keys())  # noqa: SIM118


def test_an_export_refuses_other_tasks_by_name(predict, exported):
    outcome = predict("--task", "captions", "--image", "red.png", folder=exported)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"{exported} has no task 'captions'; known: vqa\n"


def test_an_export_can_be_exported_again(run, exported, tmp_path):
    assert run("export", exported, "--task", "vqa", "--to", tmp_path / "again").exit_code == 0


def test_an_export_does_not_write_over_a_folder(run, trained, exported):
    outcome = run("export", trained.folder, "--task", "vqa", "--to", exported)
    assert (outcome.exit_code, outcome.stderr) == (2, f"{exported} is there already; name a new folder\n")


def test_an_unknown_task_cannot_be_exported(run, trained, tmp_path):
    outcome = run("export", trained.folder, "--task", "caption", "--to", tmp_path / "x")
    assert outcome.exit_code == 2
    assert "has no task 'caption'; did you mean 'captions'?" in outcome.stderr


@pytest.mark.parametrize("sharing", ["single", "{kind: hypernetwork, embedding: 6, hidden: 6, projected: 4}"])
def test_exports_under_other_sharing_rules(sharing, run, train, predict, tmp_path):
    train(tmp_path / "run", f"graft.sharing={sharing}", "eval.split=none")
    run("export", tmp_path / "run", "--task", "videos", "--to", tmp_path / "videos")
    words = ("--task", "videos", *QUESTIONS["videos"])
    assert predict(*words, folder=tmp_path / "videos").stdout == predict(*words, folder=tmp_path / "run").stdout
    files = {path.stem for path in (tmp_path / "videos" / "graft").glob("*.safetensors")}
    assert files == ({"shared"} if sharing == "single" else {"shared", "task-videos"})


def test_a_run_without_an_encoder_answers_from_text_alone(train, predict, tmp_path):
    train(tmp_path / "blind", "trunk.encoder=null", "trunk.prompt=null", "eval.split=none", "train.steps=1")
    words = ("--task", "vqa", "--text", "what colour?")
    assert predict(*words, folder=tmp_path / "blind").exit_code == 0
    outcome = predict(*words, "--image", "red.png", folder=tmp_path / "blind")
    assert outcome.exit_code == 2
    assert "blind has no visual encoder and cannot read " in outcome.stderr
