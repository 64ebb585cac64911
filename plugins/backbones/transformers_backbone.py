"""What all backbones over a transformers model have in common: its texts, its stacks and its weights."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from multigraft import IGNORED, Backbone, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.text import TextCodec
from multigraft.stacks import Stack


class TransformersBackbone(Backbone):
    """A frozen transformers model; a family adds its arrangement, its output and its sites.

    Args:
        name: of the family, in fingerprints.
        stacks: in the order in which they run.
        text: special tokens of inputs.
        target: those of targets, if they have others.
    """

    model: Any
    """The transformers model; type checkers do not know its modules."""

    def __init__(
        self, model: Any, name: str, stacks: Sequence[Stack], text: TextCodec, target: TextCodec | None = None
    ) -> None:
        super().__init__()
        self.model, self.name, self.config = model, name, model.config
        self.text, self.target = text, text if target is None else target
        self._stacks = nn.ModuleDict({stack.name: stack for stack in stacks})
        loading.freeze(self)

    @cached_property
    def end(self) -> int:  # type: ignore[override]
        """Id that ends a target."""
        return self.target.end[-1]

    @cached_property
    def pad(self) -> int:  # type: ignore[override]
        """Id that fills up."""
        return self.text.pad

    @property
    def stacks(self) -> Mapping[str, Stack]:
        """Its stacks by name, in the order in which they run."""
        return dict(self._stacks.items())  # type: ignore[arg-type]

    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """Ids and mask `(texts, tokens)`, with the special tokens of inputs."""
        return self.text.inputs(texts, limit)

    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """Ids `(texts, tokens)`, with the special tokens of targets."""
        return self.target.encode(texts, limit, IGNORED)

    def detokenize(self, ids: Tensor) -> list[str]:
        """Texts without special tokens."""
        return self.target.decode(ids)

    def fingerprint(self) -> str:
        """Name and hash of the weights."""
        return loading.fingerprint(self.name, self.model)

    def sites(self) -> tuple[Site, ...]:
        """Words and head, and blocks, projections, attentions and norms of its stacks."""
        return tuple(self._sites())

    @abstractmethod
    def _sites(self) -> Iterator[Site]:
        """Every site."""
