"""`multigraft merge RUN:TASK=WEIGHT...`: processes of their own merge, answer with what was merged, and score it."""

import json

import pytest

LORA = "graft.adapters=[{{kind: lora, rank: {rank}, sites: {{inner: [query, value, up]}}}}]"
STEPS = "eval.split=none", "graft.train={}", "train.optimizer.rate=0.1", "train.steps=3"
TASKS = ("vqa", "statements", "captions", "videos")


@pytest.fixture(scope="module")
def runs(train, tmp_path_factory):
    """A folder with two runs over one trunk: one shared by all tasks, one with an adapter a task."""
    folder = tmp_path_factory.mktemp("runs")
    train(folder / "one", LORA.format(rank=2), "graft.sharing=single", *STEPS)
    train(folder / "other", LORA.format(rank=3), "graft.sharing=per-task", "train.seed=4", *STEPS)
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory, picture_file):
    path = tmp_path_factory.mktemp("media") / "red.png"
    path.write_bytes(picture_file((220, 30, 30)))
    return path


def test_merged_runs_are_told_and_answer_and_are_scored(command, runs, picture):
    words = ("one:vqa=0.5", "one:videos=0", "other:vqa=-0.25", "other:captions=1e0")
    outcome = command("merge", *words, "--rest-from", "other:vqa", "--to", "merged", cwd=runs)
    assert (outcome.returncode, outcome.stdout) == (0, "merged\n"), outcome.stderr
    assert outcome.stderr.splitlines() == [
        "adapters: 0.5 * one:vqa + 0 * one:videos + -0.25 * other:vqa + 1 * other:captions",
        "  lora: rank 8 at 16 sites",
        "8 other tensors: those of other:vqa, other:captions",
    ]
    answer = command("predict", "merged", "--task", "vqa", "--image", picture, "--text", "what colour?", cwd=runs)
    assert answer.returncode == 0, answer.stderr
    scored = command("eval", "merged", "--split", "validation", "--json", cwd=runs)
    assert scored.returncode == 0, scored.stderr
    assert set(json.loads(scored.stdout)["tasks"]) == {"vqa", "videos", "captions"}


def test_weight_one_answers_and_scores_as_the_run_does(command, run, runs, picture):
    sources = [f"{runs / 'one'}:{task}={weight}" for task, weight in zip(TASKS, (1, 0, 0, 0), strict=True)]
    report = json.loads(run("merge", *sources, "--to", "same", "--json").stdout)
    assert report["folder"] == "same"
    assert [each["rank"] for each in report["adapters"]] == [2]
    words = ("--task", "vqa", "--image", picture, "--text", "what colour?", "--json")
    assert run("predict", "same", *words).stdout == run("predict", runs / "one", *words).stdout
    scores, expected = (run("eval", each, "--split", "validation", "--json").stdout for each in ("same", runs / "one"))
    assert json.loads(scores)["tasks"] == json.loads(expected)["tasks"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["one:vqa", "--to", "new"], "'one:vqa' has no weight: write RUN:TASK=WEIGHT"),
        (["one:vqa=much", "--to", "new"], "'one:vqa=much' has no weight: write RUN:TASK=WEIGHT"),
        (["one=0.5", "--to", "new"], "'one' names no task of a run: write RUN:TASK"),
        (["one:vqa=0.5", "--rest-from", "one", "--to", "new"], "'one' names no task of a run: write RUN:TASK"),
        (["one:vqa=0.5"], "Missing option '--to'"),
    ],
)
def test_words_that_are_no_source(words, told, run):
    outcome = run("merge", *words)
    assert outcome.exit_code == 2
    assert told in outcome.stderr


def test_prompts_that_differ_are_refused_with_what_to_write(run, runs, monkeypatch):
    monkeypatch.chdir(runs)
    outcome = run("merge", "one:vqa=1", "other:vqa=1", "--to", "refused")
    assert outcome.exit_code == 2
    assert "is not the same in one:vqa and other:vqa, and no sum is made of it" in outcome.stderr
    assert "name the source whose is taken: `--rest-from RUN:TASK`" in outcome.stderr
    assert not (runs / "refused").exists()
