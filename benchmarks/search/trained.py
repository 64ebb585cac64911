"""How often each strategy finds the best arm of a tiny trunk whose arms train meanwhile, at one budget.

`python benchmarks/search/trained.py` makes one piece after the other, keeps each in pieces/ and skips what is there:
searches of 30 seeds with each strategy, and 5 whole trainings of each arm, whose mean says which arm is right. Writes
trained.md beside this file.
"""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import torch

from multigraft import Annotation, Recipe, Record, ScoredAnswer, ShardWriter, load_recipe, search, train

HERE = Path(__file__).parent
PIECES = HERE / "pieces"
SEEDS, TRAININGS = 30, 5
STRATEGIES = ("bandit", "round-robin", "sweep")
PLACES = [("encoder", 0), ("encoder", 1), ("decoder", 0), ("decoder", 1)]
ANSWERS = ("yes", "no no", "a b", "b a")
RECIPE = """
trunk:
  backbone:
    kind: t5
    weights: random
    architecture:
      {{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, dropout_rate: 0.1,
       decoder_start_token_id: 0}}
tasks:
  question:
    kind: text-denoising
    data: {{train: [train-*.tar], validation: [validation-*.tar], search: [search-*.tar]}}
    evaluator: loss
graft: {{adapters: [{{kind: bottleneck, width: 4, sites: {{stack: [encoder], layer: [0]}}}}]}}
train: {{steps: 600, batch: 8, optimizer: {{rate: 1.0e-2}}}}
data: {{root: {root}}}
search:
  choices: {{place: {{keys: graft.adapters.0.sites, values: {values}}}}}
  reward: loss
"""


def make_texts(folder: Path) -> None:
    for split, count in (("train", 64), ("validation", 64), ("search", 64)):
        with ShardWriter(folder, split, count) as writer:
            for number in range(count):
                key, answer = f"{split}{number}", ScoredAnswer(text=ANSWERS[number % len(ANSWERS)])
                asked = Annotation(id=key, task="question", text=f"which {number % len(ANSWERS)}", answers=(answer,))
                writer.write(key, Record(id=key, source="texts", annotations=(asked,)), {})


def recipe(folder: Path, *overrides: str) -> Recipe:
    path = folder / "recipe.yaml"
    values = json.dumps([{"stack": [stack], "layer": [layer]} for stack, layer in PLACES])
    path.write_text(RECIPE.format(root=folder, values=values))
    return load_recipe(path, overrides)


def searched(folder: Path, strategy: str, seed: int) -> dict[str, Any]:
    own = recipe(folder, f"search.strategy={strategy}", f"train.seed={seed}")
    with TemporaryDirectory() as run:
        found = search(own, Path(run) / "run")
    choice = found["choices"]["place"]
    return {"chosen": choice["values"].index(choice["chosen"]), "steps": found["steps"], "share": found["share"]}


def trained(folder: Path, arm: int, seed: int) -> dict[str, Any]:
    stack, layer = PLACES[arm]
    place = f"graft.adapters.0.sites={{stack: [{stack}], layer: [{layer}]}}"
    with TemporaryDirectory() as run:
        results = train(recipe(folder, place, f"train.seed={seed}"), Path(run) / "run")
    return {"loss": results["tasks"]["question"]["loss"]}


def _loss(folder: Path, arm: int, seed: int) -> float:
    return float(piece(f"whole-{arm}-{seed}", lambda: trained(folder, arm, seed))["loss"])


def _chosen(folder: Path, strategy: str, seed: int) -> int:
    return int(piece(f"{strategy}-{seed}", lambda: searched(folder, strategy, seed))["chosen"])


def piece(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    path = PIECES / f"{name}.json"
    if not path.is_file():
        path.write_text(json.dumps(make()) + "\n")
        print(name, path.read_text().strip(), flush=True)
    made: dict[str, Any] = json.loads(path.read_text())
    return made


def main() -> None:
    torch.set_num_threads(1)
    PIECES.mkdir(exist_ok=True)
    with TemporaryDirectory() as made:
        folder = Path(made)
        make_texts(folder)
        losses = [mean(_loss(folder, arm, seed) for seed in range(TRAININGS)) for arm in range(len(PLACES))]
        right = losses.index(min(losses))
        lines = ["| arm | loss of a whole training, mean of 5 | " + " | ".join(STRATEGIES) + " |", "|---" * 5 + "|"]
        chosen = {name: [_chosen(folder, name, seed) for seed in range(SEEDS)] for name in STRATEGIES}
        for arm, (stack, layer) in enumerate(PLACES):
            counts = " | ".join(str(chosen[name].count(arm)) for name in STRATEGIES)
            mark = " (right)" if arm == right else ""
            lines.append(f"| {stack} {layer}{mark} | {losses[arm]:.4f} | {counts} |")
        (HERE / "trained.md").write_text("\n".join(lines) + "\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
