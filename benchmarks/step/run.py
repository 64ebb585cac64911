"""The quickstart's training step beside that of an earlier commit: pairs of trainings, one process each, in turns.

    git worktree add --detach /tmp/earlier COMMIT    # with an `.editable` folder of links, as `pip install -e` makes it
    python benchmarks/step/run.py /tmp/earlier DATA

DATA is a folder of `multigraft data quickstart DATA --limit 400 --episodes 300`. Each pair is added to pairs.json
beside this file: where a step's seconds go, earlier and now. `--table` prints the medians, and that of the ratios.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAIRS = HERE / "pairs.json"
STEPS, WANTED = 30, 4
THREADS = ("1", "2")
"""Of each training: with one, a core is left for its data."""


def metadata(tree, folder):
    """The names by which a tree's own plugins are found, as an installation would leave them."""
    project = tomllib.loads((Path(tree) / "pyproject.toml").read_text())["project"]
    info = Path(folder) / "multigraft-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: multigraft\nVersion: 0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return folder


def parts(tree, data, threads):
    """Seconds of each part of a step."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "names").mkdir()
        names = metadata(tree, f"{folder}/names")
        path = os.pathsep.join([str(names), str(Path(tree) / ".editable")])
        words = [HERE / "parts.py", Path(tree) / "configs" / "quickstart.yaml", f"{folder}/run", data, STEPS]
        done = subprocess.run(
            [sys.executable, *map(str, words)],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": threads},
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def pairs():
    return json.loads(PAIRS.read_text()) if PAIRS.exists() else {threads: [] for threads in THREADS}


def table(threads, found):
    names = dict.fromkeys(name for pair in found for each in pair for name in each)
    print(f"\n{len(found)} pairs of {STEPS} steps, {threads} threads; milliseconds of a step (median)\n")
    print("| part | earlier | now |\n|---|---|---|")
    for name in names:
        shown = [median(pair[side].get(name, 0.0) for pair in found) * 1000 for side in (0, 1)]
        print(f"| {name} | {shown[0]:.1f} | {shown[1]:.1f} |")
    whole = [[each["steps"] + each["waiting for data"] for each in pair] for pair in found]
    print(f"\nmedian ratio of steps with waiting, now to earlier: {median(now / old for old, now in whole):.3f}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--table"]:
        earlier, data = sys.argv[1:]
        for threads in THREADS:
            while len((found := pairs())[threads]) < WANTED:
                trees = (earlier, str(ROOT)) if len(found[threads]) % 2 == 0 else (str(ROOT), earlier)
                took = {tree: parts(tree, data, threads) for tree in trees}
                found[threads].append([took[earlier], took[str(ROOT)]])
                PAIRS.write_text(json.dumps(found, indent=1) + "\n")
    for threads, found in pairs().items():
        table(threads, found)
