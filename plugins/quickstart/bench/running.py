"""All pieces of a benchmark, one after the other: rates are searched first; what is kept is not made again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from multigraft import MultigraftError
from multigraft.plugins.quickstart.bench.method_table import Row
from multigraft.plugins.quickstart.bench.piece import TEST, Bench, Piece
from multigraft.plugins.quickstart.bench.training import keep, make_piece, read_piece

Kept = Mapping[str, Any]


def run_all(bench: Bench, rows: Sequence[Row], seeds: Sequence[int], tell: Callable[[str], None]) -> int:
    """Train and score every row with every seed; returns how many of these failed.

    Args:
        tell: is given a line a piece.

    Raises:
        MultigraftError: a file is damaged, or its piece was made with another recipe; nothing is trained then.
    """
    for row in rows:
        for piece in [*bench.trials(row), *(bench.final(row, row.rates[0], seed) for seed in seeds)]:
            _check_kept(piece)
    total = sum(len(bench.trials(row)) + len(seeds) for row in rows)
    counted = (f"[{number}/{total}]" for number in range(1, total + 1))
    return sum("error" in kept for row in rows for kept in _run_row(bench, row, seeds, counted, tell))


def _run_row(
    bench: Bench, row: Row, seeds: Sequence[int], counted: Iterator[str], tell: Callable[[str], None]
) -> Iterator[Kept]:
    trials = [_kept(piece, next(counted), tell) for piece in bench.trials(row)]
    well = [trial for trial in trials if "error" not in trial]
    rate = max(well, key=_mean)["rate"] if well else row.rates[0]
    for seed in seeds:
        piece, number = bench.final(row, rate, seed), next(counted)
        if trials and not well and not piece.file.exists():
            yield _failed(piece, f"every trial failed, the last one with: {trials[-1]['error']}")
            tell(f"{number} {piece}: every trial failed")
        else:
            yield _kept(piece, number, tell)


def _kept(piece: Piece, number: str, tell: Callable[[str], None]) -> Kept:
    """What is kept of a piece, made if it is not there."""
    if piece.file.exists():
        kept = read_piece(piece.file)
        again = f"; remove {piece.file} to try again" if "error" in kept else ""
        tell(f"{number} {piece}: kept, {_outcome(kept)}{again}")
        return kept
    kept = make_piece(piece, f"{number} {piece}")
    tell(f"{number} {piece}: {_outcome(kept)}")
    return kept


def _failed(piece: Piece, error: str) -> Kept:
    kept = {"row": piece.row.name, "seed": piece.seed, "rate": piece.rate, "steps": piece.steps, "split": piece.split,
            "error": error, "made_with": piece.made_with()}  # fmt: skip
    keep(piece, kept)
    return kept


def _check_kept(piece: Piece) -> None:
    if not piece.file.exists():
        return
    before, now = read_piece(piece.file)["made_with"], piece.made_with()
    if changed := _differences(before, now, ""):
        raise MultigraftError(
            f"{piece.file} was made with another recipe than today's ({', '.join(changed)}); "
            "remove it, or name another `--folder`"
        )


def _differences(before: Any, now: Any, path: str) -> list[str]:
    if before == now:
        return []
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return [path]
    keys = dict.fromkeys([*before, *now])
    return [name for key in keys for name in _differences(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))]


def _outcome(kept: Kept) -> str:
    if "error" in kept:
        return f"failed: {(kept['error'].splitlines() or [''])[0]}"
    rate = f", rate {kept['rate']:g}" if kept["rate"] and kept["split"] == TEST else ""
    return f"{_mean(kept):.3f} on {kept['split']}, {kept['steps']} steps in {kept['seconds']['train/step']:.0f} s{rate}"


def _mean(kept: Kept) -> float:
    scores: list[float] = [task["score"] for task in kept["tasks"].values()]
    return sum(scores) / len(scores)
