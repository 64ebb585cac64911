"""Weights from the Hugging Face hub, by `hub:NAME@REVISION`; without a network from its local cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from multigraft import OptionError


@dataclass(frozen=True)
class Snapshot:
    """Files of one commit of a repository."""

    name: str
    commit: str
    folder: Path

    @property
    def origin(self) -> str:
        """What a recipe says to get exactly these."""
        return f"hub:{self.name}@{self.commit}"


def fetch(value: str, files: Sequence[str]) -> Snapshot:
    """Some files of `NAME` or `NAME@REVISION`, a branch, tag or commit; those that it has.

    Args:
        files: patterns of their names.

    Raises:
        OptionError: no such repository or revision, or neither a network nor a copy of it in the cache.
    """
    from huggingface_hub import snapshot_download

    name, _, revision = value.partition("@")
    try:
        folder = Path(snapshot_download(name, revision=revision or None, allow_patterns=list(files)))
    except Exception as error:  # network, hub and file errors of several libraries
        raise OptionError(
            ("weights",),
            f"weights hub:{value} could not be fetched ({_first_line(error)})",
            "without a network name a revision that is in the local cache, or use `path:`",
        ) from error
    return Snapshot(name, folder.name, folder)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
