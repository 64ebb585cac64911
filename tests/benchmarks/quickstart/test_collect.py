"""The benchmark's tables are made from what is kept of its pieces, and say what is short, missing or old."""

import json
import subprocess
import sys
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pytest

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "plugins" / "backbones" / "sapling_weights"
WEIGHTS = [FOLDER / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
SECONDS = {
    "encode": 200,
    "train": 300,
    "train/step": 280,
    "train/wait": 20,
    "score": 50,
    "score/test": 50,
    "total": 560,
}


def report(questions, order=0.7):
    """Scores of the tasks; where a score is not given, it is one that meets its aim."""
    return {
        "vqa": {"vqa-accuracy": questions},
        "statements": {"by_source": {"easy-vqa": {"exact-match": 0.9}}},
        "gqa": {"by_type": {"unseen-group": {"exact-match": 0.52}, "unseen-yes-no": {"exact-match": 0.76}}},
        "video-choice": {"exact-match": 0.8, "by_type": {"order": {"exact-match": order}}},
    }


@dataclass
class Project:
    """A copy of the benchmark."""

    folder: Path
    script: object
    registry: object

    def keep(self, name, seed, tasks, recipe="quickstart", overrides=(), controls=None, seconds=SECONDS, sapling=None):
        """Put a made-up piece there, of a recipe as it is today under overrides."""
        made_with = load_recipe(recipe, [*overrides, f"train.seed={seed}"], self.registry)
        kept = {
            "piece": {"name": name, "seed": seed, "recipe": recipe, "set": [*overrides, f"train.seed={seed}"]},
            "environment": {"threads": 2, "processors": 4},
            "sapling": sapling or blake2b(b"".join(map(Path.read_bytes, WEIGHTS)), digest_size=8).hexdigest(),
            "recipe": made_with.model_dump(mode="json"),
            "tasks": tasks,
            "controls": controls or {},
            "seconds": seconds,
        }
        (self.folder / f"{name}-{seed}.json").write_text(json.dumps(kept))

    def collect(self):
        """Run the script; the project's page and the benchmark's page afterwards."""
        outcome = self.script(self.folder / "collect.py")
        assert (outcome.returncode, outcome.stderr) == (0, "")
        return [(folder / "README.md").read_text() for folder in (self.folder.parents[1], self.folder)]

    def check(self):
        return self.script(self.folder / "collect.py", "--check")


@pytest.fixture
def project(tmp_path, copied, script):
    return Project(copied(tmp_path), script, load_registry())


def cells(page, start):
    """The cells of the first line of a page that starts with a text."""
    return next(row for line in page.splitlines() if (row := line.strip("| ").split(" | "))[0] == start)


def column(page, head, start):
    """The cell of a table below one of its heads, in the line that starts with a text."""
    [heads] = [line for line in page.splitlines() if f"| {head} |" in line]
    return cells(page, start)[heads.strip("| ").split(" | ").index(head)]


def test_scores_are_means_over_seeds_beside_their_aims(project):
    project.keep("quickstart", 0, report(0.95))
    project.keep("quickstart", 1, report(0.93))
    page, _ = project.collect()
    assert page.startswith("# A project\n")
    assert page.endswith("\n<!-- /quickstart scores -->\n\nThe end.\n")
    assert cells(page, "`vqa`")[3:] == ["0.92", "0.940 ± 0.014"]
    assert cells(page, "`statements`")[3:] == ["0.90", "0.900 ± 0.000"]
    assert "`quickstart`: mean ± standard deviation over the seeds 0, 1. **below** is short of the aim.\n" in page
    assert "Not measured" not in page


def test_a_score_below_its_aim_is_marked(project):
    project.keep("quickstart", 0, report(0.919))
    page, own = project.collect()
    assert cells(page, "`vqa`")[4] == "0.919, **below**"
    assert cells(page, "`gqa`")[3:] == ["more than the probe", "0.520, **below**"]
    assert column(own, "quickstart", "`vqa`: easy-VQA questions") == "0.919, **below**"
    assert column(own, "first release", "`vqa`: easy-VQA questions") == "0.870"


def test_missing_pieces_and_scores_are_said(project):
    page, own = project.collect()
    assert cells(page, "`vqa`")[4] == "not measured yet"
    assert "\nNot measured yet: quickstart-0, quickstart-1.\n" in page
    assert "\nNot measured yet: quickstart-0, quickstart-1, blind-0, random-trunk-0.\n" in own
    project.keep("quickstart", 1, report(0.95))
    page, own = project.collect()
    assert cells(page, "`captions`")[4] == "missing"
    assert "`quickstart`: one run, seed 1. **below** is short of the aim. Not measured yet: quickstart-0.\n" in page
    assert "Not measured yet: quickstart-0, blind-0, random-trunk-0.\n" in own


def test_controls_and_other_runs_stand_beside_the_quickstart(project):
    for seed, order in ((0, 0.2), (1, 0.26)):
        controls = {"shuffled-frames": {"video-choice": report(0, order)["video-choice"]}}
        project.keep("quickstart", seed, report(0.95), controls=controls)
    project.keep("blind", 0, report(0.67), "controls/blind")
    _, own = project.collect()
    order = "`video-choice`: of these, which came first"
    assert column(own, "shuffled-frames", order) == "0.230 ± 0.042"
    assert column(own, "quickstart", order) == "0.700 ± 0.000"
    assert column(own, "shuffled-frames", "`vqa`: easy-VQA questions") == "–"
    assert column(own, "blind", "`vqa`: easy-VQA questions") == "0.670"
    assert column(own, "random-trunk", "`vqa`: easy-VQA questions") == "–"


def test_variants_stand_in_a_table_of_their_own(project):
    project.keep("fast", 0, report(0.5), overrides=["train.batch=3", "train.steps=9"])
    page, own = project.collect()
    assert cells(page, "`vqa`")[4] == "not measured yet"
    assert "| held-out data | quickstart | fast |\n" in own
    made_by = "`fast` is `quickstart --set 'train.batch=3' --set 'train.steps=9' --set 'train.seed=0'`"
    assert f"{made_by}; apart from today's quickstart: train.steps, train.batch.\n" in own


def test_a_piece_of_another_recipe_or_language_model_than_today_s_is_named(project):
    changed = ["train.steps=7", "data.root=elsewhere"]
    project.keep("quickstart", 0, report(0.95), overrides=changed, sapling="another")
    for page in project.collect():
        assert "Since quickstart-0 was made, these have changed: train.steps, weights of sapling.\n" in page


def test_where_the_time_went(project):
    project.keep("quickstart", 0, report(0.95), seconds={"make": 95.4, **SECONDS, "total": 661})
    project.keep("blind", 0, report(0.95), "controls/blind", seconds={"train": 1100.0, "score": 50, "total": 1160})
    _, own = project.collect()
    table = own[own.index("| seconds |") :]
    assert [line.strip("| ").split(" | ") for line in table.splitlines()[:11] if "---" not in line] == [
        ["seconds", "quickstart-0", "blind-0"],
        ["make", "95", "–"],
        ["opening", "16", "10"],
        ["encode", "200", "–"],
        ["train", "300", "1,100"],
        ["– step", "280", "–"],
        ["– wait", "20", "–"],
        ["score", "50", "50"],
        ["– test", "50", "–"],
        ["total", "661", "1,160"],
    ]
    assert "quickstart-0 took 661 s, **above** the aim of 600 s." in own


def test_check_compares_and_writes_nothing(project):
    project.collect()
    assert project.check().returncode == 0
    project.keep("quickstart", 0, report(0.95))
    page = project.folder.parents[1] / "README.md"
    before = page.read_text()
    outcome = project.check()
    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"not what the pieces say: {page}, {project.folder / 'README.md'}; run `python ")
    assert page.read_text() == before


def test_the_tables_of_this_project_are_what_its_pieces_say():
    script = ROOT / "benchmarks" / "quickstart" / "collect.py"
    outcome = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (0, "")
