"""Which part each sample goes to: by a hash of what it has in common with others, so that no medium is in two parts."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Literal

import numpy as np

from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.data.shard import Shard
from multigraft.core.errors import MultigraftError

By = Literal["media", "key", "source"]
Token = str
"""What samples of one part have in common: a medium, a key, a source."""
_WHOLE = 1e-6


def parse_parts(text: str) -> dict[str, float]:
    """`train=0.8,test=0.2` to shares by name.

    Raises:
        MultigraftError: no such list, a name twice, or shares that do not add up to 1.
    """
    shares: dict[str, float] = {}
    for each in text.split(","):
        name, equals, share = each.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not (equals and name.isidentifier() and 0 < value <= 1) or name in shares:
            raise MultigraftError(
                f"--parts: {each.strip()!r} is no NAME=SHARE with a name of its own and a share up to 1"
            )
        shares[name] = value
    if abs(sum(shares.values()) - 1) > _WHOLE:
        raise MultigraftError(f"--parts: the shares add up to {sum(shares.values()):g}, and not to 1")
    return shares


class Parts:
    """The part of each sample.

    Samples with a medium in common, by its size and crc32, are one group, and a group goes to one part as a whole; so
    do those of one key, or of one source, where that is asked for. A group's part is a hash of the seed and of the
    least of what its samples have in common: neither the order of the shards nor other groups change it.
    """

    def __init__(self, shards: Sequence[Shard], shares: Mapping[str, float], by: By, seed: int) -> None:
        self._groups = _Groups()
        self._names, self._ends = list(shares), np.cumsum(list(shares.values()))
        self._seed = seed
        self._first: list[list[Token]] = []
        for shard in shards:
            mine = [sorted(set(tokens)) for tokens in _tokens(shard, by)]
            for tokens in mine:
                self._groups.join(tokens)
            self._first.append([tokens[0] for tokens in mine])

    def part_of(self, shard: int, sample: int) -> str:
        """The name of a sample's part."""
        digest = blake2b(f"{self._seed} {self.group_of(shard, sample)}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "big") / 2**64
        return self._names[min(int(np.searchsorted(self._ends, place, "right")), len(self._names) - 1)]

    def group_of(self, shard: int, sample: int) -> Token:
        """What names the group of a sample."""
        return self._groups.least(self._first[shard][sample])

    def counts(self) -> dict[str, dict[str, int]]:
        """Samples and groups of each part."""
        samples, groups = dict.fromkeys(self._names, 0), {name: set[Token]() for name in self._names}
        for shard, firsts in enumerate(self._first):
            for sample in range(len(firsts)):
                part = self.part_of(shard, sample)
                samples[part] += 1
                groups[part].add(self.group_of(shard, sample))
        return {name: {"samples": samples[name], "groups": len(groups[name])} for name in self._names}


class _Groups:
    """Sets of tokens that grow together (disjoint-set forest); each is named by its least token."""

    def __init__(self) -> None:
        self._above: dict[Token, Token] = {}

    def least(self, token: Token) -> Token:
        """The least token of the set that a token is in."""
        path = []
        while (above := self._above.setdefault(token, token)) != token:
            path.append(token)
            token = above
        for each in path:
            self._above[each] = token
        return token

    def join(self, tokens: Sequence[Token]) -> None:
        """Make one set of those of all tokens."""
        roots = sorted({self.least(token) for token in tokens})
        for root in roots[1:]:
            self._above[root] = roots[0]


def _tokens(shard: Shard, by: By) -> Iterator[list[Token]]:
    """What each sample has in common with others: its media, and what is asked for; its key where there is nothing."""
    index = shard.index
    members, sources = index.members, _sources(shard) if by == "source" else {}
    record = index.head.fields.index(RECORD_FIELD) if RECORD_FIELD in index.head.fields else -1
    rows = list(zip(members.field.tolist(), members.size.tolist(), members.crc.tolist(), strict=True))
    firsts = members.first.tolist()
    for sample, key in enumerate(index.keys):
        files = rows[firsts[sample] : firsts[sample + 1]]
        tokens = [f"medium {size} {crc:08x}" for number, size, crc in files if number != record]
        if by == "key" or not tokens:
            tokens.append(f"key {key}")
        yield tokens + [f"source {name}" for name in sorted(sources.get(sample, ()))]


def _sources(shard: Shard) -> dict[int, set[str]]:
    annotations, found = shard.index.annotations, dict[int, set[str]]()
    for sample, source in zip(annotations.sample.tolist(), annotations.source.tolist(), strict=True):
        found.setdefault(sample, set()).add(shard.index.head.sources[source])
    return found
