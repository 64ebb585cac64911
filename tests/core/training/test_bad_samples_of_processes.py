"""Bad samples that two processes draw are counted and listed once for both, as one process does."""

import json
import os
import shutil
import subprocess
import sys

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

OVERRIDES = ("train.steps=4", "data.bad_limit=0.9", "eval.split=none", "train.batch=8")


def with_bad_pictures(shards, data):
    shutil.copytree(shards, data, ignore=shutil.ignore_patterns("features"))
    with ShardWriter(data, "pictures-train-bad") as writer:
        for number in range(12):
            answers = (ScoredAnswer(text="red"),)
            asked = Annotation(id=f"{number}", task="vqa", text="what?", answers=answers, media=("jpg",))
            writer.write(f"bad{number}", Record(id=f"bad{number}", annotations=(asked,)), {"jpg": b"no picture"})


def test_two_processes_count_what_one_counts(train, recipe_file, shards, tmp_path):
    with_bad_pictures(shards, tmp_path / "data")
    overrides = (*OVERRIDES, f"data.root={tmp_path / 'data'}")
    alone = train(tmp_path / "one", *overrides)["data"]
    options = [word for override in overrides for word in ("--set", override)]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    words = ["multigraft", "train", str(recipe_file), "--run", str(tmp_path / "two"), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    outcome = subprocess.run([sys.executable, "-m", *launcher, *words], capture_output=True, text=True, env=environment)
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads((tmp_path / "two" / "results.json").read_text())["data"] == alone
    assert alone["drawn"] - alone["bad"] == 32
    assert alone["bad"] > 0
    listed = [sorted((tmp_path / name / "skipped.jsonl").read_text().splitlines()) for name in ("one", "two")]
    assert listed[0] == listed[1]
    assert len(set(listed[1])) == len(listed[1])
