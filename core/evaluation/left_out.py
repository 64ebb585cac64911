"""What a control leaves out because it cannot change it, for results.json and for the terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from multigraft.core.types.prediction import Prediction

if TYPE_CHECKING:
    from multigraft.core.data.evaluation_samples import LeftOut

_NAMED = 100
_SHOWN = 3

LeftOutSamples = dict[str, Any]
"""`{REASON: {"n": number, "annotations": [id, ...]}}`, the first hundred ids of each reason in alphabetical order."""


def by_reason(left_out: Iterable["LeftOut"]) -> LeftOutSamples:
    """Samples by reason."""
    ids: dict[str, list[str]] = {}
    for each in left_out:
        ids.setdefault(each.reason, []).append(each.annotation)
    return {reason: {"n": len(names), "annotations": sorted(names)[:_NAMED]} for reason, names in sorted(ids.items())}


def without(rows: Iterable[Prediction], left_out: Iterable["LeftOut"]) -> list[Prediction]:
    """The rows of samples that were read but not changed taken away, and those of media that such samples alone are
    about; an id may be in use in other records."""
    records: dict[str, set[str]] = {}
    for each in left_out:
        records.setdefault(each.annotation, set()).add(f"{each.shard}#{each.key}.")
    return [row for row in rows if not _of_these(row, records)]


def _of_these(row: Prediction, records: Mapping[str, set[str]]) -> bool:
    names = (row.id, *row.relevant)
    return any(row.media[0].startswith(one) for name in names for one in records.get(name, ()) if row.media)


def lines(control: str, scores: Mapping[str, Any], tasks: Mapping[str, LeftOutSamples]) -> Iterator[str]:
    """What to say of a control: of the tasks that it leaves out whole, and of single samples of the others."""
    for task, reasons in tasks.items():
        yield f"{control} leaves out task {task!r}: {_told(reasons)}"
    for task, report in scores.items():
        if "left_out" in report:
            own = report["left_out"]
            left = sum(each["n"] for each in own.values())
            yield f"{control} leaves out {left} of {left + report['n']} samples of {task!r}: {_told(own)}"


def _told(reasons: LeftOutSamples) -> str:
    return "; ".join(f"{reason}{_named(each)}" for reason, each in reasons.items())


def _named(each: Mapping[str, Any]) -> str:
    names = each["annotations"][:_SHOWN]
    more = f" and {each['n'] - len(names)} more" if each["n"] > len(names) else ""
    return f" ({', '.join(names)}{more})" if names else ""
