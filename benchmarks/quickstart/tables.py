"""The tables of the benchmark, in Markdown, from what is kept of its pieces."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from pieces import DEFAULT, MAIN, Piece, account
from recipes import outdated
from rows import ROWS, SECONDS_AIM, Row

Kept = Mapping[str, Sequence[Mapping[str, Any]]]
"""What is kept of the pieces, by name; each name's by seed."""
NOTHING = "–"


def readme_table(kept: Kept) -> str:
    """The scores of the quickstart that have an aim."""
    reports = _reports(kept, "quickstart")
    lines = [
        _line(f"`{row.task}`", row.asked, row.reference, row.aim_text, _judged(row, reports))
        for row in ROWS
        if row.aim is not None
    ]
    head = ("task", "what is asked, of held-out data", "reference points", "aim", "score")
    return _table(head, lines, _notes(kept, ["quickstart"]))


def score_table(kept: Kept) -> str:
    """All scores of the quickstart, beside its controls, the run without media and the one on a random trunk."""
    quickstart, columns = _reports(kept, "quickstart"), {name: _reports(kept, name) for name in MAIN[1:]}
    for each in kept.get("quickstart", ()):
        for control, report in each.get("controls", {}).items():
            columns.setdefault(control, []).append(report)
    lines = []
    for row in ROWS:
        cells = [_spread(row, reports) for reports in columns.values()]
        lines.append(_line(_named(row), row.aim_text, row.first, _judged(row, quickstart), *cells))
    return _table(("held-out data", "aim", "first release", "quickstart", *columns), lines, _notes(kept, MAIN))


def variant_table(kept: Kept) -> str:
    """What the variants of the recipe reach that were looked at, beside the quickstart."""
    variants = [name for name in kept if name not in MAIN]
    if not variants:
        return "None is kept."
    columns = {name: _reports(kept, name) for name in ("quickstart", *variants)}
    lines = [_line(_named(row), *(_spread(row, reports) for reports in columns.values())) for row in ROWS]
    return _table(("held-out data", *columns), lines, [_made_by(kept[name][0]) for name in variants])


def time_table(kept: Kept) -> str:
    """Where the seconds of each piece went."""
    pieces = {_title(each): each for name in kept for each in kept[name]}
    if not pieces:
        return "No piece is kept."
    spent = [account(each["seconds"]) for each in pieces.values()]
    names = account({name: 0.0 for each in pieces.values() for name in each["seconds"]})
    lines = [_line(_indented(name), *(_seconds(each.get(name)) for each in spent)) for name in names]
    lines.append(_line("total", *(_seconds(each["seconds"]["total"]) for each in pieces.values())))
    lines.append(_line("threads, of processors", *(_machine(each["environment"]) for each in pieces.values())))
    return _table(("seconds", *pieces), lines, _time_notes(kept))


def _reports(kept: Kept, name: str) -> list[Mapping[str, Any]]:
    return [each["tasks"] for each in kept.get(name, ())]


def _judged(row: Row, reports: Sequence[Mapping[str, Any]]) -> str:
    """The scores of a row's task, and whether they fall short of its aim."""
    values = row.values(reports)
    if not values:
        return "missing" if reports else "not measured yet"
    return f"{_spread(row, reports)}{', **below**' if row.aim is not None and mean(values) < row.aim else ''}"


def _spread(row: Row, reports: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation."""
    values = row.values(reports)
    if not values:
        return NOTHING
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _notes(kept: Kept, names: Sequence[str]) -> Iterator[str]:
    """What a reader must know of a table: seeds, marks, and what is missing or out of date."""
    for name in names:
        seeds = [str(each["piece"]["seed"]) for each in kept.get(name, ())]
        if len(seeds) > 1:
            yield f"`{name}`: mean ± standard deviation over the seeds {', '.join(seeds)}."
        elif seeds:
            yield f"`{name}`: one run, seed {seeds[0]}."
    if _reports(kept, "quickstart"):
        yield "**below** is short of the aim."
    made = {_title(each) for name in names for each in kept.get(name, ())}
    if missing := [each for each in DEFAULT if Piece.of(each).name in names and each not in made]:
        yield f"Not measured yet: {', '.join(missing)}."
    for each in (each for name in names for each in kept.get(name, ())):
        if changed := outdated(each):
            yield f"Since {_title(each)} was made, these have changed: {', '.join(changed)}."


def _time_notes(kept: Kept) -> Iterator[str]:
    for each in kept.get("quickstart", ()):
        total = each["seconds"]["total"]
        judged = "within the aim" if total <= SECONDS_AIM else "**above** the aim"
        yield f"{_title(each)} took {total:,.0f} s, {judged} of {SECONDS_AIM} s."


def _made_by(kept: Mapping[str, Any]) -> str:
    """The command line of a variant, and what sets it apart from the quickstart as it is today."""
    piece = kept["piece"]
    words = " ".join([piece["recipe"], *(f"--set {each!r}" for each in piece["set"])])
    apart = outdated({**kept, "piece": {**piece, "name": "quickstart"}})
    return f"`{piece['name']}` is `{words}`; apart from today's quickstart: {', '.join(apart) or 'nothing'}."


def _title(kept: Mapping[str, Any]) -> str:
    return f"{kept['piece']['name']}-{kept['piece']['seed']}"


def _named(row: Row) -> str:
    return f"`{row.task}`: {row.asked}"


def _indented(name: str) -> str:
    whole, _, part = name.partition("/")
    return f"– {part}" if part else whole


def _seconds(spent: float | None) -> str:
    return NOTHING if spent is None else f"{spent:,.0f}"


def _machine(environment: Mapping[str, Any]) -> str:
    return f"{environment['threads']} of {environment['processors']}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: Sequence[str], lines: Sequence[str], notes: Iterator[str] | Sequence[str]) -> str:
    told = " ".join(notes)
    return "\n".join([_line(*head), "|---" * len(head) + "|", *lines, *(["", told] if told else [])])
