"""Greedy search, beam search and candidate scoring, from where decoding begins.

Beam search as transformers does it: twice the beams as candidates a step, finished hypotheses ranked by
log-probability / length ** penalty, the end token counted in the length. A row is finished with on its own, whatever
others do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.constraints import constrain
from multigraft.core.types.batch import IGNORED

if TYPE_CHECKING:
    from multigraft.core.trunk.passes import Continuation


@torch.no_grad()
def greedy(begin: "Continuation", intercept: Interceptor, decoding: Decoding) -> Tensor:
    """The likeliest token at each step: ids `(rows, tokens)`, `IGNORED` after the end token."""
    at, end = begin, begin.backbone.end
    ids = torch.empty(begin.hidden.shape[0], 0, dtype=torch.long, device=begin.hidden.device)
    done = torch.zeros(begin.hidden.shape[0], dtype=torch.bool, device=begin.hidden.device)
    for length in range(1, decoding.max_tokens + 1):
        token = constrain(at.logits(intercept), begin.start, ids, end, decoding).argmax(-1)
        ids, done = torch.cat([ids, token[:, None]], 1), done | (token == end)
        if length == decoding.max_tokens or done.all():
            break
        _, at = at.extend(token[:, None], intercept)
    ends = ids == end
    return ids.masked_fill(ends.cumsum(1) > ends.long(), IGNORED)


@dataclass
class _Beams:
    """Running and finished hypotheses of every row."""

    start: Tensor
    """`(rows or 1, tokens)`, of the target, in front of `ids`."""
    ids: Tensor
    """`(rows, beams, tokens)`."""
    scores: Tensor
    """`(rows, beams)`, sums of log-probabilities."""
    best_ids: Tensor
    """`(rows, beams, most tokens)`, finished ones, `IGNORED` behind their end."""
    best_scores: Tensor
    """`(rows, beams)`, divided by the length penalty."""
    open: Tensor
    """`(rows,)`, whether a row still takes finished hypotheses; a closed one is not moved by other rows' steps."""


@torch.no_grad()
def beam(begin: "Continuation", intercept: Interceptor, decoding: Decoding) -> Tensor:
    """The best finished hypothesis of each row: ids `(rows, tokens)`, `IGNORED` after the end token."""
    width, rows = decoding.beams, begin.hidden.shape[0]
    wide = intercept.expand(width)
    beams = _begin(begin, decoding)
    numbers = torch.arange(rows, device=begin.hidden.device)
    first_row, copied = numbers[:, None] * width, numbers.repeat_interleave(width)
    logits, at = begin.logits(intercept).repeat_interleave(width, 0), begin.select(copied)
    for length in range(1, decoding.max_tokens + 1):
        parents, tokens = _advance(beams, logits, length, begin.backbone.end, decoding)
        if length == decoding.max_tokens or not beams.open.any():
            break
        _, at = at.select((first_row + parents).flatten()).extend(tokens.flatten()[:, None], wide)
        logits = at.logits(wide)
    return beams.best_ids[torch.arange(rows), beams.best_scores.argmax(1)]


@torch.no_grad()
def score(begin: "Continuation", intercept: Interceptor, candidates: Sequence[Sequence[str]]) -> Tensor:
    """Sum of the log-probabilities of each candidate's tokens: `(rows, most candidates)`, -inf where there is none.

    Candidates go through the trunk in chunks, short ones first, so that memory does not grow with their number.
    """
    backbone, device, most = begin.backbone, begin.hidden.device, max(len(texts) for texts in candidates)
    number = {text: place for place, text in enumerate(dict.fromkeys(text for texts in candidates for text in texts))}
    ids = backbone.tokenize_targets(list(number), backbone.longest.output)
    wanted = torch.tensor([[number[text] for text in texts] + [0] * (most - len(texts)) for texts in candidates])
    lengths = (ids != IGNORED).sum(1)[wanted].amax(0)
    sums = torch.empty(wanted.shape, device=device)
    for columns in _chunks(lengths, _LOGITS // (len(candidates) * backbone.word_table().shape[0])):
        targets = ids[wanted[:, columns].flatten(), : int(lengths[columns[-1]])].to(device)
        sums[:, columns.to(device)] = _scored(begin, intercept, targets, len(columns))
    missing = torch.tensor([[place >= len(texts) for place in range(most)] for texts in candidates])
    return sums.masked_fill(missing.to(device), -torch.inf)


_LOGITS = 2**24
"""Logits of candidates that are computed at once, at most: 64 MB in 32 bits."""


def _chunks(lengths: Tensor, most: int) -> Iterator[Tensor]:
    """Numbers of all `lengths`, the shortest first, so many at once that they have `most` tokens at most."""
    order = lengths.argsort(stable=True)
    start = 0
    for stop in range(1, len(order) + 1):
        if stop == len(order) or (stop + 1 - start) * int(lengths[order[stop]]) > most:
            yield order[start:stop]
            start = stop


def _scored(begin: "Continuation", intercept: Interceptor, targets: Tensor, copies: int) -> Tensor:
    """Summed log-probabilities of targets, `copies` of each row: `(rows, copies)`."""
    counted = targets != IGNORED
    logits = begin.backbone.output(_predicting(begin, intercept, targets, copies)[counted], intercept).float()
    picked = logits.gather(1, targets[counted][:, None])[:, 0] - logits.logsumexp(-1)
    sums = torch.zeros(targets.shape[0], device=picked.device).index_add(0, counted.nonzero()[:, 0], picked)
    return sums.view(-1, copies)


def _predicting(begin: "Continuation", intercept: Interceptor, targets: Tensor, copies: int) -> Tensor:
    """States that predict the target tokens, `(rows * copies, tokens, width)`, where a row has `copies` targets."""
    rows = torch.arange(begin.hidden.shape[0], device=targets.device).repeat_interleave(copies)
    return begin.select(rows).predicting(targets, intercept.expand(copies))


def _begin(begin: "Continuation", decoding: Decoding) -> _Beams:
    rows, device = begin.hidden.shape[0], begin.hidden.device
    scores = torch.full((rows, decoding.beams), -torch.inf, device=device)
    scores[:, 0] = 0.0
    return _Beams(
        start=begin.start,
        ids=torch.empty(rows, decoding.beams, 0, dtype=torch.long, device=device),
        scores=scores,
        best_ids=torch.full((rows, decoding.beams, decoding.max_tokens), IGNORED, device=device),
        best_scores=torch.full((rows, decoding.beams), -torch.inf, device=device),
        open=torch.ones(rows, dtype=torch.bool, device=device),
    )


def _advance(beams: _Beams, logits: Tensor, length: int, end: int, decoding: Decoding) -> tuple[Tensor, Tensor]:
    """One step; returns the parent beam `(rows, beams)` and the token of each beam that goes on."""
    rows, width = beams.scores.shape
    vocabulary = logits.shape[-1]
    log_probabilities = logits.float().log_softmax(-1).view(rows, width, vocabulary)
    allowed = constrain(log_probabilities, beams.start, beams.ids, end, decoding)
    scores, flat = (allowed + beams.scores[:, :, None]).flatten(1).topk(2 * width, dim=1)
    parents, tokens = flat // vocabulary, flat % vocabulary
    ids = torch.cat([beams.ids.gather(1, parents[:, :, None].expand(-1, -1, length - 1)), tokens[:, :, None]], 2)
    ends = tokens == end
    finishes = (ends if length < decoding.max_tokens else torch.ones_like(ends)) & beams.open[:, None]
    finished = scores.masked_fill(~finishes, -torch.inf)[:, :width]
    _keep_finished(beams, ids[:, :width], finished, length, decoding)
    going, order = scores.masked_fill(ends, -torch.inf).topk(width, dim=1)
    beams.scores, beams.ids = going, ids.gather(1, order[:, :, None].expand(-1, -1, length))
    beams.open = beams.open & ~_settled(beams, length, decoding)
    return parents.gather(1, order), tokens.gather(1, order)


def _keep_finished(beams: _Beams, ids: Tensor, scores: Tensor, length: int, decoding: Decoding) -> None:
    padded = torch.nn.functional.pad(ids, (0, decoding.max_tokens - length), value=IGNORED)
    all_scores = torch.cat([beams.best_scores, scores / length**decoding.length_penalty], 1)
    beams.best_scores, order = all_scores.topk(decoding.beams, dim=1)
    all_ids = torch.cat([beams.best_ids, padded], 1)
    beams.best_ids = all_ids.gather(1, order[:, :, None].expand(-1, -1, decoding.max_tokens))


def _settled(beams: _Beams, length: int, decoding: Decoding) -> Tensor:
    """`(rows,)`, whether a row takes no more: it has all its finished hypotheses, and with early stopping that is
    enough; else its best running beam, which may grow to the full length with `never`, must score no better than the
    worst of these."""
    worst = beams.best_scores[:, -1]
    if decoding.early_stopping is True:
        return ~worst.isneginf()
    grows = decoding.early_stopping == "never" and decoding.length_penalty > 0
    longest = decoding.max_tokens if grows else length
    settled: Tensor = worst >= beams.scores[:, 0] / longest**decoding.length_penalty
    return settled
