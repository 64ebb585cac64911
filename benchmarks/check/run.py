"""How long `multigraft check` takes beside the imports that it cannot do without.

    python benchmarks/check/run.py [PAIRS] [RECIPE]

Runs each in a process of its own, turn by turn, and prints the seconds of processor time and the ratio of the medians;
1.3 is the most that it should be. Processor time, as other programs on the machine count less in it.
"""

import os
import subprocess
import sys
from statistics import median

IMPORTS = """
import torch
import timm
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast
"""


def seconds(*arguments: str) -> float:
    """Processor seconds of a Python process."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main(pairs: int = 5, recipe: str = "quickstart") -> None:
    """Print both times and their ratio."""
    imports, checks = [], []
    seconds("-c", IMPORTS)
    for _ in range(pairs):
        imports.append(seconds("-c", IMPORTS))
        checks.append(seconds("-m", "multigraft", "check", recipe))
    print(
        f"imports {median(imports):.2f} s, check {median(checks):.2f} s, ratio {median(checks) / median(imports):.2f}"
    )


if __name__ == "__main__":
    main(*(int(word) if number == 0 else word for number, word in enumerate(sys.argv[1:3])))  # type: ignore[arg-type]
