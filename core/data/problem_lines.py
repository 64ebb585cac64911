"""What the indices of the shards could not use, in a line for each group of tasks that read the same shards."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from multigraft.core.data.source import TaskSource


def problem_lines(sources: Iterable[TaskSource]) -> Iterator[str]:
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
            f"problems in the data of {names}: {told}, in {len(shards)} of {len(readers[0].shards)} shards; "
            f"the first: {first.shard}#{first.key} {first.detail}; `multigraft data inspect` shows the rest"
        )
