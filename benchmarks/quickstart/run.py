"""Train the pieces of the benchmark, one after the other, and keep what came out beside this file.

    python benchmarks/quickstart/run.py [NAME-SEED ...]

Pieces whose file is there are skipped, and a run that was begun goes on; so it may be stopped at any time.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from pieces import DEFAULT, RECIPES, Piece, account
from recipes import changes, outdated, sapling


def train(piece: Piece, folder: Path, root: Path) -> None:
    """Begin the run of a piece, or go on with it."""
    words = [piece.recipe, "--run", str(folder)]
    words += [word for each in (*piece.overrides, f"data.root={root}") for word in ("--set", each)]
    if (folder / "recipe.yaml").is_file():
        if changed := changes(piece, yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))):
            sys.exit(f"{folder} was begun with another recipe than today's ({', '.join(changed)}); remove it")
        words = ["--resume", str(folder)]
    if code := patient_call([sys.executable, "-m", "multigraft", "train", *words]):
        sys.exit(f"{piece} ended with exit code {code}; the same command goes on with it")


def patient_call(words: list[str]) -> int:
    """Run a command to its end; Ctrl-C reaches it alone, so that it finishes its step and saves. Its exit code."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        return subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def keep(piece: Piece, folder: Path) -> dict[str, Any]:
    """Write a piece's file from its run: results.json, and with what it was made."""
    results, environment = (json.loads((folder / name).read_text()) for name in ("results.json", "environment.json"))
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    newest = max((folder / "checkpoints").iterdir())
    told = ("multigraft", "python", "platform", "threads", "device", "libraries")
    kept = {
        "piece": {"name": piece.name, "seed": piece.seed, "recipe": piece.recipe, "set": piece.overrides},
        "environment": {name: environment[name] for name in told if name in environment}
        | {"processors": len(os.sched_getaffinity(0))},
        "trunk": json.loads((newest / "graft" / "graft.json").read_text())["trunk"],
        "sapling": sapling(),
        "recipe": {**recipe, "data": {name: value for name, value in recipe["data"].items() if name != "root"}},
        **results,
    }
    part = piece.file.with_suffix(".part")
    part.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.rename(piece.file)
    return kept


def told(seconds: dict[str, float]) -> str:
    """Where the time went, as one line: `train 240 s (step 230, wait 8, save 2), ...`."""
    spent = account(seconds)
    texts = []
    for whole in (name for name in spent if "/" not in name):
        parts = [f"{name.partition('/')[2]} {spent[name]:.0f}" for name in spent if name.startswith(f"{whole}/")]
        texts.append(f"{whole} {spent[whole]:.0f} s" + (f" ({', '.join(parts)})" if parts else ""))
    return ", ".join(texts)


def main(words: list[str] | None = None) -> None:
    """Train and keep the pieces that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"names: {', '.join(RECIPES)}"
    )
    parser.add_argument("pieces", nargs="*", metavar="NAME-SEED", help=f"[default: {' '.join(DEFAULT)}]")
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="folder of the runs")
    parser.add_argument("--data", type=Path, default=Path("data/quickstart"), help="folder of the data, for all pieces")
    options = parser.parse_args(words)
    try:
        pieces = [Piece.of(text) for text in options.pieces or DEFAULT]
    except ValueError as error:
        parser.error(str(error))
    for number, piece in enumerate(pieces, 1):
        if piece.file.is_file():
            changed = outdated(json.loads(piece.file.read_text(encoding="utf-8")))
            stale = f", but since it was made these have changed: {', '.join(changed)}; remove it to make it anew"
            print(f"{piece}: {piece.file.name} is there{stale if changed else ''}", flush=True)
            continue
        print(f"{piece}: piece {number} of {len(pieces)}", flush=True)
        train(piece, options.runs / str(piece), options.data)
        print(f"{piece}: {told(keep(piece, options.runs / str(piece))['seconds'])}", flush=True)
    print("Next: python benchmarks/quickstart/collect.py")


if __name__ == "__main__":
    main()
