"""AdamW over a bank, its schedule, and its state by tensor name."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from multigraft.core.graft.bank import Bank
from multigraft.core.recipe.spans import span_at, spans
from multigraft.core.recipe.train_section import Optimizer, TrainSection

_STATE = ("exp_avg", "exp_avg_sq", "step")


def make_optimizer(bank: Bank, options: Optimizer) -> torch.optim.AdamW:
    """AdamW; tensors of one dimension (biases, gains, embeddings of one task) are not decayed.

    A tensor without a gradient in a step is left alone with its state: torch's AdamW skips it.
    """
    trained = list(bank.trained().values())
    return torch.optim.AdamW(
        _groups(trained, options),
        lr=options.rate,
        betas=options.betas,
        eps=options.epsilon,
        fused=all(parameter.device.type == "cpu" for parameter in trained) or None,
    )


def add_trained(optimizer: torch.optim.Optimizer, trained: Sequence[nn.Parameter], options: Optimizer) -> None:
    """Let an optimizer move more tensors."""
    for group in _groups(trained, options):
        optimizer.add_param_group(group)


def _groups(trained: Sequence[nn.Parameter], options: Optimizer) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def rate_at(step: int, train: TrainSection) -> float:
    """Learning rate of a step (counted from 0).

    In each stage it rises linearly, and then falls to zero linearly or with a cosine, or stays.
    """
    span = span_at(step, spans(train))
    made, warmup = step - span.start, round(span.warmup * span.steps)
    if made < warmup:
        return span.rate * (made + 1) / warmup
    if span.schedule == "constant":
        return span.rate
    left = (span.steps - made) / max(span.steps - warmup, 1)
    return span.rate * (left if span.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Its state as flat tensors, `KEY#NAME`, of what is trained by key."""
    return {
        f"{key}#{name}": torch.as_tensor(optimizer.state[parameter][name])
        for key, parameter in trained.items()
        if parameter in optimizer.state
        for name in _STATE
    }


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimizer_tensors` gave.

    Raises:
        ValueError: tensors lack, are too many, or have other shapes.
    """
    known = {f"{key}#{name}" for key in trained for name in _STATE}
    if unknown := sorted(tensors.keys() - known):
        raise ValueError(f"no trained tensor for {unknown[0]}")
    for key, parameter in trained.items():
        own = {name: tensors[f"{key}#{name}"] for name in _STATE if f"{key}#{name}" in tensors}
        if own:
            optimizer.state[parameter] = {name: _checked(own, name, key, parameter) for name in _STATE}


def _checked(own: Mapping[str, Tensor], name: str, key: str, parameter: Tensor) -> Tensor:
    wanted = torch.Size([]) if name == "step" else parameter.shape
    if name not in own or own[name].shape != wanted:
        raise ValueError(f"{key}#{name} is missing or has another shape than {tuple(wanted)}")
    return own[name] if name == "step" else own[name].to(parameter.device)
