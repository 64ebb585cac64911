"""Scoring a run that is over."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.results import check_controls, check_split, final_results, write_results
from multigraft.core.graft.files import load_graft
from multigraft.core.registry import Registry
from multigraft.core.training.opening import open_run
from multigraft.core.training.processes import only_run
from multigraft.core.training.saved import open_saved


def rescore(folder: Path, registry: Registry, split: str | None, controls: Sequence[str]) -> dict[str, Any]:
    """Score the newest graft of a run; what `results.json` holds afterwards.

    Scores and controls of another split are dropped; controls scored before on the same one are kept.

    Raises:
        MultigraftError: no such control or split, or the run cannot be read.
    """
    check_controls(controls)
    saved = open_saved(folder, registry)
    wanted = split or saved.recipe.eval.final_split or saved.recipe.eval.split
    check_split(saved.recipe, wanted)
    with only_run(folder), open_run(saved.recipe, registry, folder) as run:
        load_graft(saved.graft, run.model.graft.bank, run.trunk.fingerprints())
        run.results = _known(folder, wanted, run.results)
        for line in run.data.problem_lines([wanted]) if run.is_main else ():
            print(line, file=sys.stderr)
        final_results(run, wanted, controls)
        if run.is_main:
            write_results(run)
        return run.results


def _known(folder: Path, split: str, fresh: dict[str, Any]) -> dict[str, Any]:
    path = folder / "results.json"
    if not path.is_file():
        return fresh
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {**known, **({} if known.get("split") == split else {"tasks": {}, "controls": {}, "left_out": {}})}
    except (ValueError, AttributeError) as error:
        raise MultigraftError(f"{path} is damaged: {error}; move it away to score anew") from None
