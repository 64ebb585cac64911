"""Spools what a command writes to a file."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryFile

from multigraft.core.errors import legible

_PIECE = 1 << 20
_TOLD = 300


def spool(command: str, target: Path, most: int) -> None:
    """Write what a shell command gives to a new file.

    Raises:
        OSError: any program of the command failed, it gave nothing, or more than `most` bytes.
    """
    shell = ["bash", "-o", "pipefail", "-c"] if shutil.which("bash") else ["sh", "-c"]
    with TemporaryFile() as said, target.open("wb") as file:
        process = subprocess.Popen([*shell, command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        with process:
            length = _copied(process, file, most)
        said.seek(0)
        words = legible(said.read()[-_TOLD:].decode(errors="replace").strip())
    if length > most:
        raise OSError(f"the command gave more than the {most:,} bytes that `data.cache` has room for")
    if process.returncode:
        raise OSError(f"the command ended with {process.returncode}: {words}")
    if not length:
        raise OSError(f"the command gave nothing: {words}")


def _copied(process: "subprocess.Popen[bytes]", file: object, most: int) -> int:
    """Bytes that came; the command is ended where they are more than `most`."""
    length = 0
    stream = process.stdout
    while stream and (piece := stream.read(_PIECE)):
        length += len(piece)
        if length > most:
            process.kill()
            break
        file.write(piece)  # type: ignore[attr-defined]
    return length
