"""The pieces of the benchmark: their recipes, and the files that keep what came out, one each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

RECIPES: dict[str, tuple[str, ...]] = {
    "quickstart": ("quickstart",),
    "blind": ("controls/blind",),
    "random-trunk": ("controls/random_trunk",),
    # Variants of the recipe, looked at once, without controls.
    "single": ("quickstart", "graft.sharing=single", "eval.controls=[]"),
    "narrow-codes": ("quickstart", "trunk.prompt.image_code=0.02", "eval.controls=[]"),
    "fewer-videos": (
        "quickstart",
        "train.sampler.weights={vqa: 3, gqa: 2, statements: 4, captions: 1, video-choice: 2, video-question: 1, "
        "video-captions: 2}",
        "train.steps=2000",
        "eval.every=1000",
        "eval.controls=[]",
    ),
}
"""A recipe and its overrides by the name of a piece; a piece is NAME-SEED. To look at a variant, add a line."""

MAIN = ("quickstart", "blind", "random-trunk")
DEFAULT = ("quickstart-0", "quickstart-1", "blind-0", "random-trunk-0")


@dataclass(frozen=True)
class Piece:
    """One recipe trained with one seed."""

    name: str
    seed: int

    @classmethod
    def of(cls, text: str) -> "Piece":
        """From NAME-SEED.

        Raises:
            ValueError: it is none.
        """
        name, _, seed = text.rpartition("-")
        if name not in RECIPES or not seed.isdecimal():
            raise ValueError(f"{text!r} is no piece: NAME-SEED with a name of {', '.join(RECIPES)}")
        return cls(name, int(seed))

    def __str__(self) -> str:
        return f"{self.name}-{self.seed}"

    @property
    def recipe(self) -> str:
        """A file or the name of a shipped recipe."""
        return RECIPES[self.name][0]

    @property
    def overrides(self) -> list[str]:
        """What `--set` is given."""
        return [*RECIPES[self.name][1:], f"train.seed={self.seed}"]

    @property
    def file(self) -> Path:
        """What is kept of it."""
        return HERE / f"{self}.json"


def kept_pieces() -> dict[str, list[dict[str, Any]]]:
    """What is kept, by name, those of `MAIN` first; each name's by seed."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in HERE.glob("*.json")]
    found.sort(key=lambda kept: (_place(kept["piece"]["name"]), kept["piece"]["seed"]))
    names = dict.fromkeys(kept["piece"]["name"] for kept in found)
    return {name: [kept for kept in found if kept["piece"]["name"] == name] for name in names}


def _place(name: str) -> tuple[int, str]:
    return (MAIN.index(name) if name in MAIN else len(MAIN)), name


def account(seconds: Mapping[str, float]) -> dict[str, float]:
    """`seconds` of a results.json in the order of a run, with `opening`: what stands under no name."""
    told = {name: spent for name, spent in seconds.items() if name != "total"}
    wholes = [name for name in told if "/" not in name]
    told["opening"] = seconds["total"] - sum(told[name] for name in wholes)
    order = ("make", "check", "opening", "encode", "train", "score")
    in_order = [*(name for name in order if name in told), *(name for name in wholes if name not in order)]
    return {name: told[name] for whole in in_order for name in told if name.partition("/")[0] == whole}
