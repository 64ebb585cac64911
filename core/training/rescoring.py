"""Scoring a run that is over."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multigraft.core.evaluation.results import check_controls, final_results, write_results
from multigraft.core.graft.files import load_graft
from multigraft.core.registry import Registry
from multigraft.core.training.saved import open_saved
from multigraft.core.training.session import open_run


def rescore(folder: Path, registry: Registry, split: str | None, controls: Sequence[str]) -> dict[str, Any]:
    """Score the newest graft of a run; what `results.json` holds afterwards, controls scored before included."""
    check_controls(controls)
    saved = open_saved(folder, registry)
    with open_run(saved.recipe, registry, folder) as run:
        load_graft(saved.graft, run.model.graft.bank, run.trunk.fingerprints())
        known = folder / "results.json"
        run.results = {**(json.loads(known.read_text()) if known.is_file() else {}), **run.results}
        final_results(run, split or saved.recipe.eval.final_split or saved.recipe.eval.split, controls)
        if run.is_main:
            write_results(run)
        return run.results
