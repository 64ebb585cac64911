"""Writes a page about what shards hold, in the style of a run's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from multigraft.core.atomic import write_text
from multigraft.core.data.upkeep.spread import Spread
from multigraft.core.data.upkeep.statistics import AnnotationFacts, MediaFacts, Statistics
from multigraft.core.report import chart
from multigraft.core.report.histogram import Histogram, histogram
from multigraft.core.report.marks import NEUTRAL, Mark, marks_of
from multigraft.core.report.run_summary import Bar, bars
from multigraft.core.report.scores import shown

_OF_TASKS = {
    "question_words": "words of a question", "answer_words": "words of an answer", "choices": "choices",
    "media": "media of an annotation",
}  # fmt: skip
_OF_MEDIA = {
    "bytes": "bytes", "width": "width in pixels", "height": "height in pixels", "seconds": "seconds",
    "fps": "frames a second",
}  # fmt: skip


@dataclass(frozen=True)
class Group:
    """One task and source, or the media of one ending."""

    title: str
    told: str
    mark: Mark
    bars: Mapping[str, Sequence[Bar]]
    charts: Sequence[Histogram]


def write_data_page(statistics: Statistics, title: str, target: Path) -> None:
    """One page that needs no other file.

    Raises:
        MultigraftError: it cannot be written.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {"shown": shown, "brief": brief}
    told = statistics.told()
    marks = marks_of([task for task, _ in sorted(statistics.tasks)])
    groups = [_task(*name, facts, marks[name[0]]) for name, facts in sorted(statistics.tasks.items())]
    media = [_ending(ending, facts) for ending, facts in sorted(statistics.media.items())]
    text = pages.get_template("data.html").render({
        "title": title, "told": told, "groups": groups, "media": media, "chart": chart,
        "task_numbers": _numbers(statistics.tasks, _OF_TASKS), "media_numbers": _numbers(statistics.media, _OF_MEDIA),
    })  # fmt: skip
    write_text(target, text)


def brief(value: float) -> str:
    """A number in a table: whole ones whole, others with one digit behind the point."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _numbers(groups: Mapping[Any, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of a table of quantiles."""
    return [
        {"name": ", ".join(filter(None, group if isinstance(group, tuple) else (group,))),
         "numbers": {told: getattr(facts, name).quantiles() for name, told in names.items() if _says(facts, name)}}
        for group, facts in sorted(groups.items())
    ]  # fmt: skip


def _says(facts: object, name: str) -> bool:
    """Whether there are numbers other than 0."""
    spread: Spread = getattr(facts, name)
    return bool(spread.values.any())


def _task(task: str, source: str, facts: AnnotationFacts, mark: Mark) -> Group:
    distinct = len(facts.answers)
    more = " at least" if facts.other_answers else ""
    lacking = f"{facts.without_answers:,} without answers; " if facts.without_answers else ""
    told = (
        f"{facts.annotations:,} annotations of {facts.samples:,} samples; {lacking}"
        f"{facts.answers.total() + facts.other_answers:,} answers, {distinct:,} different{more}"
    )
    types = {name or "(no type)": count for name, count in facts.types.items()}
    lists = {"most frequent answers": _most(facts.answers)} | (
        {"types": bars(types)} if set(facts.types) != {""} else {}
    )
    title = f"{task}, {source}" if source else task
    return Group(title, told, mark, {k: v for k, v in lists.items() if v}, list(_charts(_OF_TASKS, facts)))


def _most(answers: Mapping[str, int], count: int = 12) -> list[Bar]:
    """The most frequent answers."""
    ordered = sorted(answers.items(), key=lambda item: (-item[1], item[0]))
    most = max((number for _, number in ordered), default=0) or 1
    return [Bar(_short(text), number, round(100 * number / most, 1)) for text, number in ordered[:count]]


def _short(text: str, longest: int = 300) -> str:
    """All that a reader takes in, and how much more there is."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()}… ({len(text):,} characters)"


def _ending(ending: str, facts: MediaFacts) -> Group:
    looked = f"; headers of {facts.headers:,} were looked at" if facts.headers else ""
    told = f"{len(facts.bytes):,} files, {int(facts.bytes.values.sum()):,} bytes{looked}"
    title = f"{ending} ({facts.kind})" if facts.kind else ending
    return Group(title, told, NEUTRAL, {}, list(_charts(_OF_MEDIA, facts)))


def _charts(names: Mapping[str, str], facts: object) -> Iterator[Histogram]:
    """A histogram of each kind of number that differs; of those that are all equal a table says enough."""
    for name, title in names.items():
        spread: Spread = getattr(facts, name)
        values = spread.values
        if len(values) and values.min() < values.max():
            drawn = histogram(title, values)
            if drawn:
                yield drawn
