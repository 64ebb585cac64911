"""The quickstart's training step beside that of an earlier commit: pairs of 20 steps, one process each, in turns.

    git worktree add --detach /tmp/earlier COMMIT    # with an `.editable` folder of links, as `pip install -e` makes it
    python benchmarks/step/run.py /tmp/earlier DATA

DATA is a folder of `multigraft data quickstart DATA --limit 400 --episodes 300`, encoded by the first run. Each pair's
seconds are added to pairs.json beside this file; `--table` prints the median of their ratios.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAIRS = HERE / "pairs.json"
STEPS, WANTED = 20, 7


def seconds(tree, data):
    """Seconds that a training of 20 steps spends in its steps."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", str(ROOT / "configs" / "quickstart.yaml"), "--run", f"{folder}/run"]
        for override in (
            f"data.root={data}",
            f"train.steps={STEPS}",
            "eval.split=none",
            "eval.final_split=none",
            "eval.controls=[]",
        ):
            words += ["--set", override]
        environment = {**os.environ, "PYTHONPATH": str(Path(tree) / ".editable"), "OMP_NUM_THREADS": "2"}
        done = subprocess.run(
            [sys.executable, "-m", "multigraft", *words], env=environment, cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(Path(f"{folder}/run/results.json").read_text())["seconds"]["train"]


def pairs():
    return json.loads(PAIRS.read_text()) if PAIRS.exists() else []


def table():
    found = pairs()
    ratios = [new / old for old, new in found]
    print(f"{len(found)} pairs of {STEPS} steps: {median(old for old, _ in found):.2f} s earlier, "
          f"{median(new for _, new in found):.2f} s now; median ratio {median(ratios):.3f}")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] != ["--table"]:
        earlier, data = sys.argv[1:]
        while len(pairs()) < WANTED:
            trees = (earlier, ROOT) if len(pairs()) % 2 == 0 else (ROOT, earlier)
            took = {tree: seconds(tree, data) for tree in trees}
            PAIRS.write_text(json.dumps([*pairs(), [took[earlier], took[ROOT]]]) + "\n")
    table()
