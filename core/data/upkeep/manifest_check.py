"""Holds files against the manifest of their folder: sizes, and SHA-256 where it gives them."""

from collections.abc import Iterable
from pathlib import Path, PurePath
from stat import S_ISREG

from multigraft.core.data.manifest import MANIFEST, Promise, promises_of, sha256_of
from multigraft.core.data.upkeep.findings import Findings


def check_folder(folder: Path, names: Iterable[str] | None, findings: Findings) -> int:
    """Hold files against the manifest of their folder, if there is one; returns how many it names of them.

    Args:
        names: of the files to look at; all that the manifest names if None.
    """
    path = folder / MANIFEST
    try:
        promises = promises_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        findings.add("damaged manifest", path, detail=str(error))
        return 0
    wanted = promises if names is None else [name for name in names if name in promises]
    for name in wanted:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            findings.add("file outside", path, detail=f"{name}: what lies outside of the folder is not read")
        else:
            _check(folder / name, promises[name], findings)
    return len(wanted)


def _check(path: Path, promise: Promise, findings: Findings) -> None:
    try:
        status = path.stat()
    except OSError as error:
        findings.add("missing file", path, detail=f"the manifest names it: {error.strerror}")
        return
    except ValueError as error:  # a zero byte, or half a character
        findings.add("missing file", path, detail=f"no file can have this name: {error}")
        return
    if not S_ISREG(status.st_mode):
        findings.add("no regular file", path, detail="it is a folder, a pipe or a device, and is not read")
        return
    size = status.st_size
    if size != promise.bytes:
        findings.add("other size", path, detail=f"{size:,} bytes; the manifest says {promise.bytes:,}")
        return
    if promise.sha256 and sha256_of(path) != promise.sha256:
        findings.add("other sha256", path, detail="the manifest gives another SHA-256: fetch the file again")
