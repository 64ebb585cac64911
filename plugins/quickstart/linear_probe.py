"""Multinomial logistic regression on stored features, fitted by L-BFGS."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_DECAYS = (1e-3, 1e-2, 1e-1)
_STEPS = 100


@dataclass(frozen=True)
class LinearProbe:
    """A fitted probe; features are standardised as in training."""

    classes: tuple[str, ...]
    mean: Tensor
    scale: Tensor
    weight: Tensor
    """`(classes, width)`."""
    bias: Tensor

    def predict(self, x: Tensor) -> list[str]:
        """The likeliest class of each row of `x` `(rows, width)`."""
        logits = functional.linear((x.float() - self.mean) / self.scale, self.weight, self.bias)
        return [self.classes[int(place)] for place in logits.argmax(1)]

    def accuracy(self, x: Tensor, y: Sequence[str]) -> float:
        """Share of the rows of `x` `(rows, width)` whose class is that of `y`."""
        return sum(said == true for said, true in zip(self.predict(x), y, strict=True)) / len(y)


def fit_linear_probe(x: Tensor, y: Sequence[str], classes: Sequence[str], decay: float = 1e-2) -> LinearProbe:
    """Fit on `x` `(rows, width)`: mean cross-entropy plus `decay / 2` times the squared norm of the weights."""
    mean, scale = x.float().mean(0), x.float().std(0, correction=0).clamp_min(1e-6)
    inputs = (x.float() - mean) / scale
    targets = torch.tensor([list(classes).index(label) for label in y])
    weight = torch.zeros(len(classes), x.shape[1], requires_grad=True)
    bias = torch.zeros(len(classes), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_STEPS, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(functional.linear(inputs, weight, bias), targets)
        loss = loss + decay / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return LinearProbe(tuple(classes), mean, scale, weight.detach(), bias.detach())


def fit_best_probe(
    x: Tensor, y: Sequence[str], validation_x: Tensor, validation_y: Sequence[str], classes: Sequence[str]
) -> LinearProbe:
    """The probe whose weight decay does best on the validation rows; of equals, the one with the larger decay."""
    probes = [fit_linear_probe(x, y, classes, decay) for decay in reversed(_DECAYS)]
    return max(probes, key=lambda probe: probe.accuracy(validation_x, validation_y))
