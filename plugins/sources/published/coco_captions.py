"""`coco-captions`: captions of pictures in Karpathy's splits (Chen et al. 2015; Karpathy and Fei-Fei 2015)."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.published.karpathy import pictures
from multigraft.plugins.sources.published.options import CocoCaptionsOptions
from multigraft.plugins.sources.published.rows import RowSource, objects_at, text_at
from multigraft.plugins.sources.row import BrokenRow, TableRow


class CocoCaptionsSource(RowSource):
    """An annotation for each picture with the id `coco-captions#IMAGE`, or for each caption, `IMAGE.SENTENCE` then.

    An image's number is COCO's own (`cocoid`), or `imgid` where there is none.
    """

    _options: CocoCaptionsOptions

    def rows(self, path: Path) -> Iterator[TableRow | BrokenRow]:
        """The pictures of a file that are of the splits."""
        wanted = self._options.split
        for row in pictures(path):
            if isinstance(row, BrokenRow) or row.values.get("split") in wanted:
                yield row

    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotation of a picture, or those of its captions."""
        name = f"coco-captions#{text_at(values, 'cocoid' if 'cocoid' in values else 'imgid')}"
        medium = text_at(values, "filename")
        said = [(each, text_at(each, "raw")) for each in objects_at(values, "sentences")]
        if not said:
            raise BadSample("no annotation", f"nothing is said about {medium}")
        if self._options.per == "picture":
            return [self._annotation(name, tuple(text for _, text in said), medium)]
        return [self._annotation(f"{name}.{text_at(each, 'sentid')}", (text,), medium) for each, text in said]

    def _annotation(self, name: str, captions: tuple[str, ...], medium: str) -> Annotation:
        return annotation_of(self._options, id=name, references=captions, media=(medium,))


def build(options: CocoCaptionsOptions) -> CocoCaptionsSource:
    """The source of captions in Karpathy's splits."""
    return CocoCaptionsSource(options)
