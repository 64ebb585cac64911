"""Where the time of the training thread goes in the quickstart's steps: run by run.py, once for each tree.

    python benchmarks/step/parts.py RECIPE RUN DATA STEPS

Prints JSON: seconds of each part, of the steps behind the first ten. The tree is the one on PYTHONPATH; a part that it
does not have is left out.
"""

import json
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from time import perf_counter

PARTS = {
    "waiting for data": ("multigraft.core.training.session", "_timed"),
    "collating": ("multigraft.core.training.loop", "collated"),
    "forward": ("multigraft.core.model.model", "Model.losses"),
    "backward": ("torch", "Tensor.backward"),
    "reading losses": ("multigraft.core.training.tally", "Tally.read"),
    "optimizer": ("multigraft.core.training.loop", "Trainer._apply"),
    "steps": ("multigraft.core.training.loop", "Trainer.step"),
}
FIRST = 10


class Clock:
    """Seconds by part, from the eleventh step on."""

    def __init__(self):
        self.seconds, self.steps = defaultdict(float), 0

    def around(self, part, function):
        """The function, timed."""

        def timed(*args, **options):
            began = perf_counter()
            try:
                return function(*args, **options)
            finally:
                if self.steps >= FIRST:
                    self.seconds[part] += perf_counter() - began
                self.steps += part == "steps"

        return timed

    def around_each(self, part, function):
        """A generator whose every item is timed."""

        def timed(*args, **options):
            items = function(*args, **options)
            while True:
                began = perf_counter()
                item = next(items, None)
                if self.steps >= FIRST:
                    self.seconds[part] += perf_counter() - began
                if item is None:
                    return
                yield item

        return timed


def watch(clock):
    """Put the clock around every part that this tree has."""
    for part, (module, name) in PARTS.items():
        try:
            owner = import_module(module)
        except ModuleNotFoundError:
            continue
        *path, last = name.split(".")
        for each in path:
            owner = getattr(owner, each, None)
        if owner is not None and hasattr(owner, last):
            around = clock.around_each if part == "waiting for data" else clock.around
            setattr(owner, last, around(part, getattr(owner, last)))


def main(recipe_file, folder, data, steps):
    from multigraft import load_recipe, load_registry
    from multigraft.core.training import session

    clock = Clock()
    watch(clock)
    unscored = ["eval.split=none", "eval.final_split=none", "eval.controls=[]"]
    overrides = [f"data.root={data}", f"train.steps={steps}", *unscored]
    recipe = load_recipe(Path(recipe_file), overrides, load_registry())
    session.train(recipe, load_registry(), Path(folder))
    parts = {part: clock.seconds[part] for part in PARTS if part in clock.seconds}
    inside = ("collating", "forward", "backward", "reading losses", "optimizer")
    parts["other"] = parts["steps"] - sum(parts.get(part, 0.0) for part in inside)
    print(json.dumps({part: seconds / (int(steps) - FIRST) for part, seconds in parts.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
