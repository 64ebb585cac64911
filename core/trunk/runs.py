"""Which runs of a backbone's stacks needs take, and a run for no rows at all."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.trunk.run_stack import run_stack
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone

Run = tuple[str, Literal["whole", "beginning", "rest"]]
"""A run of a stack: of all that it reads, or of what is read before the first target is decoded and then the rest."""


def runs_for(backbone: "Backbone", reads: Collection[str], split: bool) -> tuple[Run, ...]:
    """The runs that needs take, each behind those whose states it reads; none where nothing of the backbone is read.

    Args:
        reads: `Need.what`.
        split: whether targets are read as a continuation of the beginning.
    """
    if not set(reads) - {"media", "pairs"}:
        return ()
    parts: set[str] = set()
    if "targets" in reads:
        parts |= {"beginning", "rest"} if split else {"whole"}
    if "states" in reads:
        parts.add("beginning" if split else "whole")
    if "beginning" in reads or ("summary" in reads and backbone.summary == "begin"):
        parts.add("beginning")
    runs: list[Run] = []
    for name in backbone.stacks:
        if name != backbone.predicts:
            runs.append((name, "whole"))
            continue
        runs += [(name, part) for part in ("beginning", "rest", "whole") if part in parts]
    return tuple(runs)


def idle_run(backbone: "Backbone", run: Run) -> Tensor:
    """The layers of a run over a padding token, with nothing of a batch or a graft: `(1, 1, width)`."""
    ids = torch.full((1, 1), backbone.pad, device=backbone.word_table().device)
    given, plain = backbone.arrange(ids, torch.ones_like(ids, dtype=torch.bool), None).inputs, NoGraft()

    def embedded(name: str) -> Tokens:
        own = given[name]
        states = backbone.stacks[name].embed(own.ids, own.positions, plain)
        return Tokens(states, own.mask, own.positions)

    stack = backbone.stacks[run[0]]
    memory = None if stack.memory is None else embedded(stack.memory)
    return run_stack(stack, embedded(stack.name), plain, memory=memory).tokens.states
