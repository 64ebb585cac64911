"""The files of a Hugging Face data set in a folder, found without that library and without running anything.

`save_to_disk` writes `dataset_dict.json` with `splits`, a folder for each, and in it `state.json` with `_data_files`
(huggingface/datasets, src/datasets/dataset_dict.py and arrow_dataset.py); a repository of the hub holds
`SPLIT-00000-of-00001.parquet`.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from multigraft import MultigraftError, OptionError, did_you_mean

_PARQUET = re.compile(r"(\w[\w.]*?)-[0-9]{5}-of-[0-9]{5}(-[0-9a-f]+)?\.parquet")

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def data_files(folder: Path, split: str) -> list[Path]:
    """The Parquet or Arrow files of a split, in order.

    Raises:
        OptionError: there are several splits and none is named, or not the one that is, or one is where there is one.
        MultigraftError: the folder holds no data set.
    """
    if (folder / "dataset_dict.json").is_file():
        splits = _json(folder / "dataset_dict.json", "splits")
        folder, split = folder / _chosen(split, splits), ""
    if (folder / "state.json").is_file():
        if split:
            raise OptionError(("split",), f"{folder} is one split alone", "leave it out")
        return _saved(folder)
    found = sorted(folder.rglob("*.parquet"))
    if not found:
        told = told_of_metadata(folder) or _told_of_tables(folder)
        raise MultigraftError(f"{folder} holds neither state.json, as `save_to_disk` writes it, nor *.parquet{told}")
    if len({path.parent for path in found}) > 1:
        folders = ", ".join(sorted({str(path.parent.relative_to(folder)) for path in found}))
        raise MultigraftError(f"{folder} holds *.parquet in several folders: give one of {folders}")
    splits = [match[1] if (match := _PARQUET.fullmatch(path.name)) else "" for path in found]
    chosen = _chosen(split, {each for each in splits if each}) if split or all(splits) else ""
    return [path for path, each in zip(found, splits, strict=True) if not chosen or each == chosen]


def told_of_metadata(folder: Path) -> str:
    """What to say of a folder of pictures with a table about them, as `imagefolder` of Hugging Face's datasets reads
    it, or of one that has such folders; empty if it is none."""
    found = sorted(path for where in ("", "*/") for name in _METADATA for path in folder.glob(where + name))
    if not found:
        return ""
    more = f", or another of {len(found)}" if len(found) > 1 else ""
    columns = "--map file_name=media,COLUMN=FIELD"
    return f"; it has pictures with metadata: give {found[0]}{more}, with `map`, such as {columns}"


def _told_of_tables(folder: Path) -> str:
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in _TABLES)
    return f"; give the tables in it, such as {tables[0]}" if tables else ""


def _saved(folder: Path) -> list[Path]:
    names = [each["filename"] for each in _json(folder / "state.json", "_data_files")]
    if strange := [name for name in names if Path(name).name != name]:
        raise MultigraftError(f"{folder / 'state.json'} names {strange[0]!r}, which is no file of this folder")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise MultigraftError(f"{folder} lacks {missing[0]}, which its state.json names")
    return [folder / name for name in names]


def _json(path: Path, key: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))[key]
    except (ValueError, KeyError, TypeError) as error:
        raise MultigraftError(f"{path} is damaged: {error!r}") from None


def _chosen(split: str, splits: Iterable[str]) -> str:
    """The split that is named, or the only one.

    Raises:
        OptionError: there is none such.
    """
    known = list(splits)
    if split:
        if split not in known:
            raise OptionError(("split",), f"there is no split {split!r}", did_you_mean(split, known))
        return split
    if len(known) != 1:
        raise OptionError(("split",), f"say which split: {', '.join(sorted(known))}")
    return known[0]
