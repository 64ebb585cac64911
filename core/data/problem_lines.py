"""What of the shards is not used: what their indices could not, in a line for each group of tasks that read the same
shards, and annotations for other tasks than those that read them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from multigraft.core.data.shard import Shard
from multigraft.core.data.source import TaskSource, held
from multigraft.core.errors import legible

_SHOWN = 8


def problem_lines(sources: Sequence[TaskSource]) -> Iterator[str]:
    """Lines for the terminal; none where everything is used."""
    yield from _problems(sources)
    yield from _dropped(sources)
    yield from _unclaimed(sources)


def _unclaimed(sources: Iterable[TaskSource]) -> Iterator[str]:
    """How many annotations of which tasks lie in shards that none of these tasks reads; a misspelt name is one."""
    takes: dict[Path, set[str]] = defaultdict(set)
    opened: dict[Path, Shard] = {}
    for source in sources:
        for shard in source.opened:
            takes[shard.path].update(source.takes)
            opened[shard.path] = shard
    left: Counter[str] = Counter()
    for path, shard in opened.items():
        left.update({task: count for task, count in held(shard.index).items() if task not in takes[path]})
    if left:
        told = ", ".join(f"{count:,} for {legible(repr(task))}" for task, count in left.most_common(_SHOWN))
        more = f" and {len(left) - _SHOWN} more tasks" if len(left) > _SHOWN else ""
        yield f"annotations that no task takes which reads their shards: {told}{more}"


def _dropped(sources: Iterable[TaskSource]) -> Iterator[str]:
    """How many rows of sources cannot be used, with the first as an example."""
    every = dict.fromkeys(each for source in sources for each in source.dropped)
    counts: Counter[str] = Counter()
    for each in every:
        counts[each.reason] += each.count
    if every:
        first = next(iter(every))
        told = ", ".join(f"{count:,} x {reason}" for reason, count in counts.items())
        yield f"rows that cannot be used: {told}; the first: {first.shard}#{first.key} {first.detail}"


def _problems(sources: Iterable[TaskSource]) -> Iterator[str]:
    """How many of what in which shards, with the first as an example."""
    groups: dict[tuple[str, ...], list[TaskSource]] = defaultdict(list)
    for source in sources:
        if source.problems:
            groups[tuple(dict.fromkeys(problem.shard for problem in source.problems))].append(source)
    for shards, readers in groups.items():
        names = ", ".join(dict.fromkeys(f"{source.name} ({source.split})" for source in readers))
        problems = readers[0].problems
        counts: Counter[str] = Counter()
        for problem in problems:
            counts[problem.reason] += problem.count
        told = ", ".join(f"{count:,} x {reason}" for reason, count in counts.items())
        first = problems[0]
        yield (
            f"problems in the data of {names}: {told}, in {len(shards)} of {len(readers[0].opened)} shards; "
            f"the first: {first.shard}#{first.key} {first.detail}; `multigraft data inspect` shows the rest"
        )
