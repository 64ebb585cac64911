"""Texts to ids within limits, and what was cut for that."""

from collections.abc import Sequence

from torch import Tensor

from multigraft.core.data.cutting import cut_kinds, fit
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.types.batch import IGNORED
from multigraft.core.types.pieces import joined
from multigraft.core.types.sample import TextPair

_ALL = 2**24
"""A limit that cuts nothing."""
_UNCUT: frozenset[str] = frozenset()
_TARGET = frozenset({"target"})


def tokenize_inputs(
    backbone: Backbone, examples: Sequence[TextPair], limit: int
) -> tuple[Tensor, Tensor, list[frozenset[str]]]:
    """Ids and mask `(texts, tokens)` of input texts, and what each of them lost.

    Texts within the limit are tokenised as they are; the others are cut before (core/data/cutting.py).
    """
    texts = [example.text for example in examples]
    ids, mask = backbone.tokenize(texts, _ALL)
    long = [number for number, length in enumerate(mask.sum(1).tolist()) if length > limit]
    if not long:
        return ids, mask, [_UNCUT] * len(texts)
    cut = [_UNCUT] * len(texts)
    for number in long:
        pieces = examples[number].parts
        kept = fit(pieces, limit, lambda text: int(backbone.tokenize([text], _ALL)[1].sum()))
        texts[number], cut[number] = joined(kept), cut_kinds(pieces, kept)
    ids, mask = backbone.tokenize(texts, limit)
    return ids, mask, cut


def tokenize_targets(backbone: Backbone, texts: Sequence[str], limit: int) -> tuple[Tensor, list[frozenset[str]]]:
    """Ids `(texts, tokens)` of targets, and whether each lost its last tokens."""
    ids = backbone.tokenize_targets(texts, _ALL)
    lengths = (ids != IGNORED).sum(1).tolist()
    if max(lengths, default=0) <= limit:
        return ids, [_UNCUT] * len(texts)
    return backbone.tokenize_targets(texts, limit), [_TARGET if length > limit else _UNCUT for length in lengths]


def within(limit: int, longest: int | None) -> int:
    """A limit, or what a backbone takes if that is less."""
    return limit if longest is None else min(limit, longest)
