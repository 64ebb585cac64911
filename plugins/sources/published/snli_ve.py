"""`snli-ve`: whether a picture entails a sentence (Xie et al. 2019).

A line is `{"pairID", "gold_label", "sentence2", "Flickr30K_ID"}`, whose `sentence2` is the hypothesis; `-` is the label
where annotators did not agree (github.com/necla-ml/SNLI-VE; SNLI's README). In OFA's form, which Dynamic Visual
Prompting reads, a TSV without a head has the columns id, picture's id, picture as base64, hypothesis, caption, label.
The picture is taken from Flickr30k there too.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, ScoredAnswer
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.delimited import delimited_rows
from multigraft.plugins.sources.json_rows import object_rows
from multigraft.plugins.sources.json_text import LARGEST_VALUE
from multigraft.plugins.sources.published.options import SnliVeOptions
from multigraft.plugins.sources.published.rows import RowSource, text_at
from multigraft.plugins.sources.row import BrokenRow, TableRow

_LABELS = ("entailment", "neutral", "contradiction")
_OFA = {"pairID": 0, "Flickr30K_ID": 1, "sentence2": 3, "gold_label": 5}
_OFA_COLUMNS = 6


class SnliVeSource(RowSource):
    """An annotation for each hypothesis, with the id `snli-ve#PAIR`."""

    def rows(self, path: Path) -> Iterator[TableRow | BrokenRow]:
        """The rows of a file: of TSV by its ending, else of JSON lines."""
        if path.suffix.lower() != ".tsv":
            return object_rows(path)
        return delimited_rows(path, "\t") if _has_head(path) else _ofa_rows(path)

    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotation of a row."""
        label = text_at(values, "gold_label")
        if label == "-":
            raise BadSample("no label", "its annotators did not agree")
        if label not in _LABELS:
            raise BadSample("bad row", f"its label is {label!r}, none of {', '.join(_LABELS)}")
        yield annotation_of(
            self._options,
            id=f"snli-ve#{text_at(values, 'pairID')}",
            text=text_at(values, "sentence2"),
            answers=(ScoredAnswer(text=label),),
            media=(f"{text_at(values, 'Flickr30K_ID').removesuffix('.jpg')}.jpg",),
        )


def _has_head(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return "gold_label" in file.readline(LARGEST_VALUE).rstrip("\r\n").split("\t")


def _ofa_rows(path: Path) -> Iterator[TableRow | BrokenRow]:
    """The rows of a file in OFA's form, without their pictures."""
    csv.field_size_limit(LARGEST_VALUE)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for number, cells in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)):
            if len(cells) == _OFA_COLUMNS:
                yield TableRow(number, {key: cells[column] for key, column in _OFA.items()})
            else:
                yield BrokenRow(number, f"{len(cells)} cells, where OFA's form has {_OFA_COLUMNS}")


def build(options: SnliVeOptions) -> SnliVeSource:
    """The source of SNLI-VE."""
    return SnliVeSource(options)
