"""What a control leaves out because it cannot change it, for results.json and for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

_NAMED = 100
_SHOWN = 3

LeftOutSamples = dict[str, Any]
"""`{REASON: {"n": number, "annotations": [id, ...]}}`, the first hundred ids of each reason in their order."""


def by_reason(left_out: Mapping[str, str]) -> LeftOutSamples:
    """Samples by reason, from the reason of each annotation."""
    reasons = sorted(set(left_out.values()))
    ids = {reason: sorted(name for name, own in left_out.items() if own == reason) for reason in reasons}
    return {reason: {"n": len(names), "annotations": names[:_NAMED]} for reason, names in ids.items()}


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
