"""Answers of VQA 2.0 that targets are made of, and their soft scores.

As LXMERT, VL-T5 and Dynamic Visual Prompting have them from Anderson et al. 2018 (bottom-up-attention-vqa,
tools/compute_softscore.py): an answer counts where it is `multiple_choice_answer`, after the official normalisation
and without commas; what the ten annotators wrote is compared with this list as it stands.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from multigraft import OptionError, ScoredAnswer
from multigraft.plugins.metrics.vqa_normalisation import normalise
from multigraft.plugins.sources.annotating import answer_of
from multigraft.plugins.sources.json_text import object_members

_SCORES = (0.0, 0.3, 0.6, 0.9, 1.0)
"""By how many annotators gave an answer: its leave-one-out accuracy, `min(1, 0.3 n)`."""


def soft_answers(given: Sequence[str], known: Collection[str]) -> tuple[ScoredAnswer, ...]:
    """The known ones of what annotators gave, by their agreement; where none is known, the most frequent with score 0,
    so that the question counts and teaches nothing (VL-T5).

    Raises:
        BadSample: `bad row`: half of a surrogate pair in a text.
    """
    counts = Counter(given)
    scored = [answer_of(text, _SCORES[min(4, count)]) for text, count in counts.items() if text in known]
    if scored or not counts:
        return tuple(scored)
    return (answer_of(counts.most_common(1)[0][0], 0.0),)


def frequent_answers(files: Iterable[Path], least: int = 9) -> list[str]:
    """Answers that are the most annotators' choice for so many questions at least, the most frequent first.

    Args:
        files: of annotations; train2014 and val2014 give the 3,129 answers (an empty one among them) of the papers.

    Raises:
        MultigraftError: a file is no JSON object.
    """
    counts: Counter[str] = Counter()
    for path in files:
        for key, value in object_members(path, apart=True):
            chosen = value.get("multiple_choice_answer") if key == "annotations" and isinstance(value, dict) else None
            if isinstance(chosen, str):
                counts[normalise(chosen).replace(",", "")] += 1
    return sorted((text for text, count in counts.items() if count >= least), key=lambda text: (-counts[text], text))


def listed_answers(path: Path) -> list[str]:
    """The lines of a file.

    Raises:
        OptionError: it cannot be read, or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(("answers",), f"{path} cannot be read: {error}") from None
    if not lines:
        raise OptionError(("answers",), f"{path} is empty")
    return lines
