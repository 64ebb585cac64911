"""What sharing rules cost against one shared adapter: forward and backward of seven tasks, processor time, one thread.

`python benchmarks/owners/run.py PIECE ...` measures pieces that have no file yet and writes PIECE.json beside this
file; without names it measures all. `python benchmarks/owners/run.py --table` prints what is there.
"""

import json
import os
import sys
from pathlib import Path
from statistics import median
from time import process_time

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from multigraft.core.data.collate import collate
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.batch import Segment
from multigraft.core.types.row import Row, TextRow
from multigraft.core.types.sample import Sample, TextPair

HERE = Path(__file__).parent
TASKS = tuple(f"task{number}" for number in range(7))
TEXT, TARGET, ROUNDS = 20, 10, 21
BART_BASE = {"kind": "bart", "weights": "random", "architecture": {
    "d_model": 768, "encoder_layers": 6, "decoder_layers": 6, "encoder_attention_heads": 12,
    "decoder_attention_heads": 12, "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072, "dropout": 0.0,
}}  # fmt: skip
TRUNKS = {"sapling": {"kind": "sapling"}, "bart-base": BART_BASE}
PIECES = {f"{trunk}-7x{rows}": (trunk, rows) for trunk, rows in
          (("sapling", 1), ("sapling", 4), ("sapling", 18), ("bart-base", 1), ("bart-base", 4))}  # fmt: skip
HALVES = {"first": list(TASKS[:4]), "second": list(TASKS[4:])}
RULES = {
    "single": "single",
    "half-shared": "half-shared",
    "per-task": "per-task",
    "groups": {"kind": "groups", "groups": HALVES},
    "hypernetwork": "hypernetwork",
}


def model_of(trunk, rule):
    registry = load_registry()
    recipe = {
        "trunk": {"backbone": TRUNKS[trunk]},
        "tasks": {task: {"kind": "visual-question-answering", "data": ["none.tar"]} for task in TASKS},
        "graft": {
            "adapters": [{"kind": "bottleneck", "reduction": 8}],
            "sharing": RULES[rule],
            "train": {"norms": True},
        },
    }
    recipe = Recipe.model_validate(recipe, context={"registry": registry})
    model = build_model(recipe, registry, build_trunk(recipe, registry))
    allocate(model, torch.device("cpu"))
    return model


def batch_of(rows):
    generator = torch.Generator().manual_seed(0)
    count = rows * len(TASKS)
    segments = tuple(Segment(task, number * rows, (number + 1) * rows) for number, task in enumerate(TASKS))
    samples = tuple(
        Sample(segment.task, Annotation(id="1", task=segment.task), TextPair("", ""), (), "")
        for segment in segments
        for _ in range(rows)
    )
    texts, targets = (torch.randint(10, 200, (count, most), generator=generator) for most in (TEXT, TARGET))
    rows_of = (
        Row(sample, {"text": TextRow(text), "target": TextRow(target, labels=target)})
        for sample, text, target in zip(samples, texts, targets, strict=True)
    )
    return collate(list(rows_of), TASKS)


def seconds(model, batch):
    """Processor time of one step without the optimizer's part."""
    for value in model.graft.bank.trained().values():
        value.grad = None
    begun = process_time()
    torch.stack([loss.sum for (loss,) in model.losses(batch, training=True).values()]).sum().backward()
    return process_time() - begun


def measure(piece):
    trunk, rows = PIECES[piece]
    models, batch = {rule: model_of(trunk, rule) for rule in RULES}, batch_of(rows)
    for model in models.values():
        seconds(model, batch)
    times = {rule: [] for rule in RULES}
    for number in range(ROUNDS):
        order = list(RULES)[number % len(RULES) :] + list(RULES)[: number % len(RULES)]
        for rule in order:
            times[rule].append(seconds(models[rule], batch))
    ratios = {rule: median(one / shared for one, shared in zip(own, times["single"], strict=True))
              for rule, own in times.items()}  # fmt: skip
    return {"rounds": ROUNDS, "seconds of single": median(times["single"]), "ratios": ratios}


def table():
    print("| trunk, rows | " + " | ".join(list(RULES)[1:]) + " | single, ms |\n|---|" + "---|" * len(RULES))
    for piece in PIECES:
        path = HERE / f"{piece}.json"
        if path.exists():
            found = json.loads(path.read_text())
            ratios = " | ".join(f"{found['ratios'][rule]:.2f}" for rule in list(RULES)[1:])
            print(f"| {piece.replace('-7x', ', 7 x ')} | {ratios} | {1000 * found['seconds of single']:.0f} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--table"]:
        table()
    else:
        for piece in sys.argv[1:] or PIECES:
            path = HERE / f"{piece}.json"
            if not path.exists():
                path.write_text(json.dumps(measure(piece), indent=1) + "\n")
                print(piece, path.read_text())
