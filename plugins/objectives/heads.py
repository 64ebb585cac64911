"""Heads that sort states into labels."""

from torch import Tensor, nn
from torch.nn.functional import gelu

from multigraft import Head, Initial
from multigraft.init import normal, ones, zeros
from multigraft.plugins.objectives.options import ClassificationOptions


class LinearHead(Head):
    """`(rows, width)` to `(rows, labels)`."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.output = nn.Linear(width, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.output(x)  # type: ignore[no-any-return]

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02) and zero biases."""
        return zeros if parameter.endswith("bias") else normal(0.02)


class MlpHead(Head):
    """`(rows, width)` to `(rows, labels)`: `Output(GELU(Norm(Inner(x))))`."""

    def __init__(self, width: int, inner: int, labels: int) -> None:
        super().__init__()
        self.inner, self.norm = nn.Linear(width, inner), nn.LayerNorm(inner)
        self.output = nn.Linear(inner, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.output(gelu(self.norm(self.inner(x))))  # type: ignore[no-any-return]

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero, the gain one."""
        if parameter.endswith("bias"):
            return zeros
        return ones if parameter.startswith("norm") else normal(0.02)


def head_of(options: ClassificationOptions, width: int) -> Head:
    """The head of a recipe over states of a width."""
    if options.head == "linear":
        return LinearHead(width, len(options.labels))
    return MlpHead(width, options.head_width or 2 * width, len(options.labels))
