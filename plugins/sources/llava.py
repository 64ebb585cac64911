"""`llava`: conversations about pictures, as LLaVA is trained on (Liu et al. 2023, Visual Instruction Tuning).

A row is `{"id", "image", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}, ...]}`, where
`<image>` in a value marks the picture's place (haotian-liu/LLaVA, docs/Finetune_Custom_Data.md). Rows of text alone
have no `image`; later sets have several, or a `video`, marked by `<video>`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from multigraft import Annotation, BadSample, Dropped, Source
from multigraft.plugins.sources.annotating import annotation_of, answer_of
from multigraft.plugins.sources.files import existing_files, labels
from multigraft.plugins.sources.json_rows import object_rows
from multigraft.plugins.sources.options import LlavaOptions
from multigraft.plugins.sources.row import BrokenRow
from multigraft.plugins.sources.values import text_of, texts_of

_MARKS = re.compile(r"\s*<(?:image|video)>\s*")
_MEDIA = ("image", "video")
_ROLES = ("human", "gpt")


class LlavaSource(Source):
    """An annotation for each pair of turns, about all media of its row; media lie beside the first file."""

    def __init__(self, options: LlavaOptions) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `FILE#ROW.PAIR`: the `id` of a row may be there several times."""
        for path, label in zip(self.files, labels(self.files), strict=True):
            for row in object_rows(path):
                name = f"{label}#{row.number}"
                if isinstance(row, BrokenRow):
                    yield Dropped(name, "bad row", row.detail)
                else:
                    yield from self._of_row(name, row.values)

    def _of_row(self, name: str, row: Mapping[str, Any]) -> Iterator[Annotation | Dropped]:
        try:
            media = [each for key in _MEDIA if row.get(key) is not None for each in texts_of(row[key], "")]
            made = list(self._pairs(name, _turns(row, len(media)), media))
        except BadSample as error:
            yield Dropped(name, error.reason, error.detail)
            return
        yield from made

    def _pairs(self, name: str, turns: Sequence[str], media: Sequence[str]) -> Iterator[Annotation]:
        for pair in range(len(turns) // 2):
            question, answer = turns[2 * pair : 2 * pair + 2]
            before = "\n".join(turns[: 2 * pair]) if self._options.history else ""
            yield annotation_of(
                self._options,
                id=f"{name}.{pair}",
                text=question,
                context=before,
                answers=(answer_of(answer),),
                media=tuple(media),
            )


def _turns(row: Mapping[str, Any], media: int) -> list[str]:
    """Texts of the turns, human and gpt by turns, without marks.

    Raises:
        BadSample: `bad row`: other roles, no pairs, or marks of more media than there are.
    """
    turns = row.get("conversations")
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise BadSample("bad row", "no list `conversations` of objects")
    roles = [turn.get("from") for turn in turns]
    if len(roles) % 2 or roles != [*_ROLES] * (len(roles) // 2):
        raise BadSample("bad row", f"turns from {', '.join(map(str, roles[:6]))}, where human and gpt alternate")
    texts = [text_of(turn.get("value")) for turn in turns]
    marks = sum(len(_MARKS.findall(text)) for text in texts)
    if marks > media:
        raise BadSample("bad row", f"{marks} marks <image> or <video>, and {media} media")
    return [_MARKS.sub(" ", text).strip() for text in texts]


def build(options: LlavaOptions) -> LlavaSource:
    """The source of LLaVA's conversations."""
    return LlavaSource(options)
