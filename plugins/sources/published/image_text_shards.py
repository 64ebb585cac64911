"""`image-text-shards`: pictures or videos with captions, in tars that img2dataset or video2dataset has made.

A sample is `KEY.jpg` (or `.mp4`), `KEY.txt` with the caption, and `KEY.json` with `{"caption", "url", "key", "status",
"error_message", "original_width", ...}` (github.com/rom1504/img2dataset, img2dataset/writer.py; github.com/iejMac/
video2dataset, video2dataset/data_writer.py). Either of the last two may be missing.
"""

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, Dropped, MultigraftError, OptionError, Source
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.files import existing, labels
from multigraft.plugins.sources.published.options import ImageTextShardsOptions

_TEXTS = ("json", "txt")
_LARGEST_TEXT = 1 << 20
"""Bytes."""


@dataclass
class _Sample:
    """The files of a key: texts by their field, and the names of the others."""

    key: str
    texts: dict[str, bytes] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    """The name in the tar, by its field in lower case."""


class ImageTextShardsSource(Source):
    """An annotation for each sample, with its caption as reference; its medium is taken from the same tars."""

    def __init__(self, options: ImageTextShardsOptions) -> None:
        self._options = options
        self.files = tuple(_tars(existing(options.files)))
        self.media = self.files

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `TAR#KEY`.

        Raises:
            MultigraftError: a tar is damaged.
        """
        for path, label in zip(self.files, labels(self.files), strict=True):
            for sample in _samples(path):
                try:
                    yield self._annotation(f"{label}#{sample.key}", sample)
                except BadSample as error:
                    yield Dropped(f"{label}#{sample.key}", error.reason, error.detail)

    def _annotation(self, name: str, sample: _Sample) -> Annotation:
        about = _about(sample)
        if about.get("status", "success") != "success":
            raise BadSample("not downloaded", f"{about['status']}: {about.get('error_message')}")
        caption = about.get("caption") if "caption" in about else _text(sample.texts.get("txt", b""))
        if not isinstance(caption, str) or not caption.strip():
            raise BadSample("no caption", "neither its json nor its txt has one")
        medium = next((sample.others[each] for each in self._options.endings if each in sample.others), None)
        if medium is None:
            have = ", ".join(sample.others) or "none"
            raise BadSample("no medium", f"of {', '.join(self._options.endings)}; it has {have}")
        return annotation_of(self._options, id=name, references=(caption.strip(),), media=(medium,))


def _tars(paths: Sequence[Path]) -> Iterator[Path]:
    """The tars given, and those of the folders given.

    Raises:
        OptionError: a folder has none.
    """
    for place, path in enumerate(paths):
        found = sorted(path.glob("*.tar")) if path.is_dir() else [path]
        if not found:
            raise OptionError(("files", place), f"{path} has no *.tar in it")
        yield from found


def _samples(path: Path) -> Iterator[_Sample]:
    """The samples of a tar, whose files stand side by side; texts are read, nothing else.

    Raises:
        MultigraftError: it is no tar, or damaged.
    """
    sample = _Sample("")
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                key, dot, ending = _parts(member.name)
                if not member.isreg() or not dot:
                    continue
                if key != sample.key and sample.key:
                    yield sample
                if key != sample.key:
                    sample = _Sample(key)
                _take(sample, tar, member, ending)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise MultigraftError(f"{path}: it cannot be read as a tar: {error}") from None
    if sample.key:
        yield sample


def _parts(name: str) -> tuple[str, str, str]:
    """Key, dot and field of a file: the field begins behind the first dot of the last part of its name."""
    folder, slash, last = name.removeprefix("./").rpartition("/")
    stem, dot, ending = last.partition(".")
    return f"{folder}{slash}{stem}", dot if stem else "", ending.lower()


def _take(sample: _Sample, tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str) -> None:
    if ending not in _TEXTS:
        sample.others[ending] = member.name.removeprefix("./")
    elif member.size <= _LARGEST_TEXT and (file := tar.extractfile(member)):
        sample.texts[ending] = file.read()


def _about(sample: _Sample) -> dict[str, Any]:
    """What the JSON of a sample says; nothing where there is none.

    Raises:
        BadSample: `bad row`, if it is no JSON object.
    """
    try:
        found = json.loads(sample.texts.get("json", b"{}"))
    except (ValueError, RecursionError) as error:
        raise BadSample("bad row", f"its json is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadSample("bad row", "its json is no object")
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def build(options: ImageTextShardsOptions) -> ImageTextShardsSource:
    """The source of such tars."""
    return ImageTextShardsSource(options)
