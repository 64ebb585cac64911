"""The problems of an index: each kind is listed so often, the rest is counted."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from multigraft.core.data.index import Problem
from multigraft.core.data.record_check import CheckedRecord
from multigraft.core.data.records import OF_CAPTION_TARS, RECORD_FIELD
from multigraft.core.errors import legible

MOST_LISTED = 100
"""Problems of a reason that a shard lists one by one."""
_SHOWN = 4
_CAPTION_FIELD = "txt"
_OF_WINDOWS = frozenset({"thumbs.db", "desktop.ini"})


def unfit(name: str) -> str:
    """Why a file belongs to no sample, by its name; empty where it may."""
    *folders, file = name.split("/")
    stem, dot, extension = file.partition(".")
    if "__MACOSX" in folders or file.startswith("._") or file == ".DS_Store":
        return "macOS added it"
    if file.lower() in _OF_WINDOWS:
        return "Windows added it"
    if stem.startswith("__") and stem.endswith("__"):
        return "names with `__` at both ends tell of the shard, and nothing reads them"
    if not stem:
        return "a name that begins with a dot has no key"
    return "" if dot and extension else "a name without an extension has no field"


class Problems:
    """Collects problems in a bounded list."""

    def __init__(self) -> None:
        self._listed: dict[str, list[Problem]] = {}
        self._more: Counter[str] = Counter()
        self._left_out: dict[str, tuple[str, int]] = {}

    def add(self, problem: Problem) -> None:
        """List a problem, or count it where many of its reason are listed."""
        listed = self._listed.setdefault(problem.reason, [])
        if len(listed) < MOST_LISTED:
            listed.append(problem)
        else:
            self._more[problem.reason] += problem.count

    def extend(self, others: "Problems") -> None:
        """Take all problems of another collection."""
        for problems in others._listed.values():
            for problem in problems:
                self.add(problem)
        self._more.update(others._more)

    def left_out(self, name: str, why: str) -> None:
        """A file that belongs to no sample."""
        first, count = self._left_out.get(why, (name, 0))
        self._left_out[why] = (first, count + 1)

    def without_record(self, key: str, files: Collection[str]) -> None:
        """A sample without `KEY.json`."""
        records = _dotted_records(files)
        if records:
            self._dotted(key, records)
        else:
            hint = f"; {OF_CAPTION_TARS}" if _CAPTION_FIELD in files else ""
            detail = f"{_listing(files)} and no {RECORD_FIELD}: KEY.json is missing{hint}"
            self.add(Problem(key, "no question", detail))

    def of_record(self, key: str, files: Iterable[str], record: CheckedRecord) -> None:
        """A record without annotations, with bad ones, without its media, or with files that none of it names.

        Media that lie apart are looked up when they are read."""
        files = set(files)
        if not record.annotations:
            self.add(Problem(key, "no question", "`annotations` of KEY.json is empty"))
        if record.bad:
            more = f", and {record.bad - 1} more" if record.bad > 1 else ""
            self.add(Problem(key, "bad annotation", f"{record.first_fault}{more}", count=record.bad))
        lacking = not record.apart and self._lacking(key, files, record)
        unnamed = sorted(files - record.media - {RECORD_FIELD})
        records = _dotted_records(unnamed)
        if records:
            self._dotted(key, records)
        elif unnamed and record.annotations and not lacking and not record.bad:
            self.add(Problem(key, "unused file", f"no annotation names {_listing(unnamed)}", count=len(unnamed)))

    def listed(self) -> Iterator[Problem]:
        """All of them, by reason."""
        for why, (name, count) in self._left_out.items():
            more = f" and {count - 1} more" if count > 1 else ""
            yield Problem(legible(name), "foreign file", f"{legible(name)}{more}: {why}; left out", count=count)
        for reason, problems in self._listed.items():
            yield from problems
            if more_of := self._more[reason]:
                yield Problem("", reason, f"{more_of} more of these are not listed", count=more_of)

    def _lacking(self, key: str, files: set[str], record: CheckedRecord) -> bool:
        """Annotations that name media which the sample lacks."""
        lacking = [(name, absent) for name, media in record.wanted if (absent := [f for f in media if f not in files])]
        have = _listing(files) if lacking else ""
        for name, absent in lacking:
            self.add(Problem(key, "missing field", f"no {_listing(absent)}; the sample has {have}", annotation=name))
        return bool(lacking)

    def _dotted(self, key: str, records: list[str]) -> None:
        name = legible(f"{key}.{records[0]}")
        right = legible(f"{key}.{records[0]}".rpartition(".")[0].replace(".", "_"))
        detail = (
            f"{name} is no record: a key ends at the first dot, so this is the file {legible(records[0])} of the "
            f"sample {legible(key)}; name it {right}.{RECORD_FIELD}, and its media likewise"
        )
        self.add(Problem(key, "dotted key", detail, count=len(records)))


def _dotted_records(fields: Iterable[str]) -> list[str]:
    return sorted(field for field in fields if field.endswith(f".{RECORD_FIELD}"))


def _listing(fields: Iterable[str]) -> str:
    every = sorted(fields)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return legible(", ".join(every[:_SHOWN])) + more
