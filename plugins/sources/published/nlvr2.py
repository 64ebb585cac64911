"""`nlvr2`: statements about two photos, true or false (Suhr et al. 2019).

A line is `{"identifier": "dev-850-0-1", "sentence", "label": "True"}`, in training with `directory`
(github.com/lil-lab/nlvr, nlvr2/README.md). An identifier is SPLIT-SET-PAIR-SENTENCE, and its pictures are called
SPLIT-SET-PAIR-img0.png and -img1.png; many of them are JPEGs for all that. The metric `consistency` reads the set and
the sentence off the id.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from multigraft import Annotation, BadSample, ScoredAnswer
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.published.options import Nlvr2Options
from multigraft.plugins.sources.published.rows import RowSource, text_at

_IDENTIFIER = re.compile(r"([a-z0-9]+-[0-9]+-[0-9]+)-[0-9]+")
_LABELS = {"True": "true", "False": "false"}


class Nlvr2Source(RowSource):
    """An annotation for each statement, with the id `nlvr2#IDENTIFIER`."""

    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotation of a line; without a label, as in the hidden test set, it has no answer."""
        name = text_at(values, "identifier")
        found = _IDENTIFIER.fullmatch(name)
        if not found:
            raise BadSample("bad row", f"its identifier {name!r} is no SPLIT-SET-PAIR-SENTENCE")
        folder = f"{text_at(values, 'directory')}/" if values.get("directory") is not None else ""
        yield annotation_of(
            self._options,
            id=f"nlvr2#{name}",
            text=text_at(values, "sentence"),
            answers=_answers(values.get("label")),
            media=tuple(f"{folder}{found[1]}-img{side}.png" for side in (0, 1)),
        )


def _answers(label: Any) -> tuple[ScoredAnswer, ...]:
    """The truth of a statement.

    Raises:
        BadSample: `bad row`, for another label than `True` and `False`.
    """
    if label is None:
        return ()
    if str(label) not in _LABELS:
        raise BadSample("bad row", f"its label is {label!r}, neither 'True' nor 'False'")
    return (ScoredAnswer(text=_LABELS[str(label)]),)


def build(options: Nlvr2Options) -> Nlvr2Source:
    """The source of NLVR2."""
    return Nlvr2Source(options)
