"""Scoring a run that is over."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.results import check_controls, check_split, final_results, write_results
from multigraft.core.graft.saving import load_graft
from multigraft.core.model.objectives import learning_state
from multigraft.core.recipe.splits import final_split
from multigraft.core.registry.registry import Registry
from multigraft.core.run.artifact import Artifact, open_artifact
from multigraft.core.run.distributed import join_processes, only_run
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.checkpoint import load_learning
from multigraft.core.training.finished import earlier_results


def evaluate_saved(folder: Path, registry: Registry, split: str | None, controls: Sequence[str]) -> dict[str, Any]:
    """Score the newest graft of a run; what `results.json` holds afterwards.

    Scores and controls of another split are dropped; controls scored before on the same one are kept.

    Raises:
        MultigraftError: no such control or split, an exported graft without some tasks, or a run that cannot be read.
    """
    check_controls(controls)
    saved = open_artifact(folder, registry)
    if lacking := [name for name in saved.recipe.tasks if name not in saved.tasks]:
        raise MultigraftError(
            f"{folder} is an exported graft for {', '.join(saved.tasks)} alone, without {', '.join(lacking)}: "
            "`multigraft predict` answers with it; score the run that it was exported from"
        )
    wanted = split or final_split(saved.recipe)
    check_split(saved.recipe, wanted)
    join_processes(saved.recipe.device)
    with only_run(folder), open_run(saved.recipe, registry, folder) as run:
        load_graft(saved.graft, run.model.graft.bank, run.trunk.fingerprints)
        _load_learning(saved, run)
        run.results = _known(folder, wanted, run.results)
        for line in run.data.problem_lines([wanted]) if run.is_main else ():
            print(line, file=sys.stderr)
        earlier = run.results.get("seconds", {})
        with run.times.spending("score"):
            final_results(run, wanted, controls, step=saved.step)
        run.times.go_on(earlier)
        run.results["seconds"] = run.times.of_all_sessions()
        run.results["data"] = {**run.data.log.facts(), **_drawn(run.results)}
        if saved.step is not None:
            run.results["step"] = saved.step
        if run.is_main:
            write_results(run)
        return run.results


def _load_learning(saved: Artifact, run: OpenRun) -> None:
    if saved.step is not None:
        load_learning(saved.graft.parent, run)
    elif learning_state(run.model) and run.is_main:
        told = "an exported graft has no queues and no teacher: losses that need them are those of a run that begins"
        print(told, file=sys.stderr)


def _known(folder: Path, split: str, fresh: dict[str, Any]) -> dict[str, Any]:
    """What was known of the run before, without the scores of another split."""
    known = earlier_results(folder)
    if not known:
        return fresh
    return {**known, **({} if known.get("split") == split else {"tasks": {}, "controls": {}, "left_out": {}})}


def _drawn(results: dict[str, Any]) -> dict[str, int]:
    """What training has drawn: scoring draws nothing."""
    return {name: count for name, count in results.get("data", {}).items() if name != "problems"}
