"""`gqa`: questions about pictures that need several steps of reasoning (Hudson and Manning 2019).

A file is `{ID: {"question", "answer", "imageId", "types": {"structural", "semantic", "detailed"}}}` (cs.stanford.edu/
people/dorarad/gqa/download.html); the test and challenge sets have no `answer`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from multigraft import Annotation, BadSample, Dropped, Source
from multigraft.plugins.sources.annotating import annotation_of, answer_of
from multigraft.plugins.sources.files import existing_files, labels
from multigraft.plugins.sources.json_text import object_members
from multigraft.plugins.sources.published.options import GqaOptions
from multigraft.plugins.sources.published.rows import text_at


class GqaSource(Source):
    """An annotation for each question; pictures lie beside the first file."""

    def __init__(self, options: GqaOptions) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `gqa#QUESTION`; a file is read question by question.

        Raises:
            MultigraftError: a file is no object of questions.
        """
        for path, label in zip(self.files, labels(self.files), strict=True):
            for name, values in object_members(path):
                try:
                    yield self._annotation(name, values)
                except BadSample as error:
                    yield Dropped(f"{label}#{name}", error.reason, error.detail)

    def _annotation(self, name: str, values: Any) -> Annotation:
        if not isinstance(values, dict):
            raise BadSample("bad row", f"{type(values).__name__}, no object")
        answered = values.get("answer") is not None
        return annotation_of(
            self._options,
            id=f"gqa#{name}",
            type=_type_of(values, self._options.types),
            text=text_at(values, "question"),
            answers=(answer_of(text_at(values, "answer")),) if answered else (),
            media=(f"{text_at(values, 'imageId')}.jpg",),
        )


def _type_of(values: Mapping[str, Any], kind: str) -> str:
    """The type of a question; empty where it has none."""
    types = values.get("types")
    found = types.get(kind) if isinstance(types, dict) else None
    return found if isinstance(found, str) else ""


def build(options: GqaOptions) -> GqaSource:
    """The source of GQA."""
    return GqaSource(options)
