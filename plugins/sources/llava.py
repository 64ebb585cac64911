"""`llava`: conversations about pictures, as LLaVA is trained on (Liu et al. 2023, Visual Instruction Tuning).

A row is `{"id", "image", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}, ...]}`, where
`<image>` in a value marks the picture's place (haotian-liu/LLaVA, docs/Finetune_Custom_Data.md). Rows of text alone
have no `image`; later sets have several, or a `video`, marked by `<video>`. What others made of it is read too:
`messages` of `{"role", "content"}` with `images` and `videos`, the roles user and assistant, and a turn of the system
in front, which is context (hiyouga/LLaMA-Factory, data/README.md).
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
_MEDIA = ("image", "images", "video", "videos")
_FORMS = {"conversations": ("from", "value"), "messages": ("role", "content")}
_ROLES = {"human": "human", "user": "human", "gpt": "gpt", "assistant": "gpt", "system": "system"}


class LlavaSource(Source):
    """An annotation for each pair of turns, about all media of its row; media lie beside the first file."""

    def __init__(self, options: LlavaOptions) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `FILE#ROW.PAIR`: the `id` of a row may be there several times."""
        for path, label in zip(self.files, labels(self.files), strict=True):
            for row in object_rows(path, lambda value: any(key in value for key in _FORMS)):
                name = f"{label}#{row.number}"
                if isinstance(row, BrokenRow):
                    yield Dropped(name, "bad row", row.detail, row.rows)
                else:
                    yield from self._of_row(name, row.values)

    def _of_row(self, name: str, row: Mapping[str, Any]) -> Iterator[Annotation | Dropped]:
        try:
            media = [each for key in _MEDIA if row.get(key) is not None for each in texts_of(row[key], "")]
            system, turns = _turns(row, len(media))
            made = list(self._pairs(name, system, turns, media))
        except BadSample as error:
            yield Dropped(name, error.reason, error.detail)
            return
        yield from made
        if len(turns) % 2:
            yield Dropped(f"{name}.{len(turns) // 2}", "bad row", "its last turn is a question without an answer")

    def _pairs(
        self, name: str, system: Sequence[str], turns: Sequence[str], media: Sequence[str]
    ) -> Iterator[Annotation]:
        for pair in range(len(turns) // 2):
            question, answer = turns[2 * pair : 2 * pair + 2]
            before = "\n".join([*system, *(turns[: 2 * pair] if self._options.history else ())])
            yield annotation_of(
                self._options,
                id=f"{name}.{pair}",
                text=question,
                context=before,
                answers=(answer_of(answer),),
                media=tuple(media),
            )


def _turns(row: Mapping[str, Any], media: int) -> tuple[list[str], list[str]]:
    """Texts without marks: of the system, and of human and gpt by turns.

    Raises:
        BadSample: `bad row`: other roles, no pairs, or marks of more media than there are.
    """
    said = list(_said(row))
    roles = [_ROLES.get(role, role) for role, _ in said]
    first = 1 if roles[:1] == ["system"] else 0
    spoken = roles[first:]
    if len(spoken) < 2 or any(role != ("human", "gpt")[place % 2] for place, role in enumerate(spoken)):
        told = ", ".join(role for role, _ in said[:6])
        raise BadSample("bad row", f"turns from {told}, where human and gpt alternate")
    marks = sum(len(_MARKS.findall(text)) for _, text in said)
    if marks > media:
        raise BadSample("bad row", f"{marks} marks <image> or <video>, and {media} media")
    texts = [_MARKS.sub(" ", text).strip() for _, text in said]
    return texts[:first], texts[first:]


def _said(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Role and text of each turn.

    Raises:
        BadSample: `bad row`: no turns.
    """
    key = next((each for each in _FORMS if isinstance(row.get(each), list)), "")
    turns = row[key] if key else []
    if not turns or not all(isinstance(turn, dict) for turn in turns):
        raise BadSample("bad row", "no list `conversations` or `messages` of objects")
    role, text = _FORMS[key]
    for turn in turns:
        yield str(turn.get(role)), text_of(turn.get(text))


def build(options: LlavaOptions) -> LlavaSource:
    """The source of LLaVA's conversations."""
    return LlavaSource(options)
