"""The tables of a benchmark: Markdown for people, CSV for programs."""

import csv
import io
from collections.abc import Iterator, Sequence

from multigraft.plugins.quickstart.bench.bootstrap import DRAWS, LEVEL
from multigraft.plugins.quickstart.bench.standings import Standing, Standings

_NOTHING = "–"


def markdown(found: Standings) -> str:
    """The table, and what a reader must know of it."""
    tasks = _tasks(found)
    head = ("row", "trained, %", "without the projection, %", "mean score", f"{LEVEL:.0%} interval", "sd of seeds",
            *tasks, "seeds", "rate", "steps", "seconds of steps")  # fmt: skip
    lines = [_line(head), "|---" * len(head) + "|", *(_line(_cells(row, tasks)) for row in found.rows)]
    return "\n".join([*lines, "", " ".join(_notes(found)), *_failures(found)]) + "\n"


def comma_separated(found: Standings) -> str:
    """The same with every digit."""
    tasks = _tasks(found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "trained", "percent", "percent_without_projection", "score", "low", "high", "spread",
                     *tasks, "seeds", "rate", "steps", "seconds"])  # fmt: skip
    for row in found.rows:
        writer.writerow([
            row.name, row.trained, row.percent, row.percent_without_projection, row.score, row.low, row.high,
            row.spread, *(row.tasks.get(task) for task in tasks), " ".join(map(str, row.seeds)), row.rate, row.steps,
            row.seconds,
        ])  # fmt: skip
    return text.getvalue()


def _tasks(found: Standings) -> list[str]:
    return list(dict.fromkeys(task for row in found.rows for task in row.tasks))


def _cells(row: Standing, tasks: Sequence[str]) -> list[str]:
    return [
        row.name,
        f"{row.percent:.2f}",
        f"{row.percent_without_projection:.2f}",
        f"{row.score:.3f}",
        f"{row.low:.3f} to {row.high:.3f}",
        _NOTHING if row.spread is None else f"{row.spread:.3f}",
        *(f"{row.tasks[task]:.3f}" if task in row.tasks else _NOTHING for task in tasks),
        ", ".join(map(str, row.seeds)),
        f"{row.rate:g}" if row.steps else _NOTHING,
        str(row.steps),
        f"{row.seconds:.0f}" if row.steps else _NOTHING,
    ]


def _notes(found: Standings) -> Iterator[str]:
    yield "Percent of all numbers but the encoders'."
    yield f"At most {found.samples} samples of each task were scored, of the split `test`."
    yield (
        f"The interval is that of the mean over tasks, from {DRAWS:,} draws of "
        f"{' or '.join(map(str, found.clusters))} clusters: what is about one picture, concept or episode is one."
    )


def _failures(found: Standings) -> Iterator[str]:
    if found.failed:
        yield ""
    for name, error in found.failed.items():
        first = error.splitlines()[0] if error else ""
        yield f"- failed: {name}: {first}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
