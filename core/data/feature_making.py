"""The features of one shard while they are made: in pieces that outlive a process that is killed, joined at the end."""

import shutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from multigraft.core.data.feature_shard import FeatureShard, Key, write_feature_shard

_SHOWN = 3
_OPEN_PIECES = 8
"""Keys and pieces have one order, so that each piece is opened about once."""


class FeatureMaking:
    """What is stored of a shard's features, and what is added; for the only writer of the folder.

    Args:
        path: the feature shard; pieces of it lie beside it until it is whole.
        of: what its features are of.
        tell: takes a message about damage.
    """

    def __init__(self, path: Path, of: str, tell: Callable[[str], None]) -> None:
        self._path, self._of, self._tell = path, of, tell
        self._pieces = path.with_name(f".{path.name}.pieces")
        self._kept: dict[Key, Path] = {}
        self.bad: dict[Key, str] = {}
        """What is stored of media that could not be decoded, with the reason."""
        self.media = 0
        """Media in the whole shard, when it is written."""
        there = sorted(self._pieces.glob("*.tar"))
        self._next = 1 + max((int(piece.stem) for piece in there if piece.stem.isdecimal()), default=-1)
        for stored in [path] * path.is_file() + there:
            self._keep(stored)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def _keep(self, path: Path) -> None:
        stored = FeatureShard(path, self._of)
        whole, wrong, bad = stored.sound()
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            self._tell(f"the stored features {path} are damaged, and made again: {'; '.join(wrong[:_SHOWN])}{more}")
        for key in whole:
            self._kept.setdefault(key, path)
        self.bad |= bad

    def add_piece(self, files: Iterable[tuple[Key, bytes]]) -> None:
        """Store what has been encoded so far, for whoever goes on."""
        self._pieces.mkdir(exist_ok=True)
        piece = self._pieces / f"{self._next:06d}.tar"
        write_feature_shard(piece, files)
        self._next += 1
        self._keep(piece)

    def finish(self, files: Iterable[tuple[Key, bytes]]) -> None:
        """Write the whole shard of all that is kept, and the files of media given."""
        new = dict(files)
        keys = sorted({*self._kept, *new})
        opened = lru_cache(_OPEN_PIECES)(lambda path: FeatureShard(path, self._of))
        stored = ((key, new[key] if key in new else opened(self._kept[key]).data(key)) for key in keys)
        write_feature_shard(self._path, stored)
        shutil.rmtree(self._pieces, ignore_errors=True)
        self.media = len(keys)
