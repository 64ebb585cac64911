"""BabyAI as bundles: one mp4 an episode with its questions and caption."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from multigraft.plugins.quickstart.bundle import Bundle, make_record
from multigraft.plugins.quickstart.episode import play
from multigraft.plugins.quickstart.episode_plan import Plan, plan_episodes, split_sizes
from multigraft.plugins.quickstart.episode_questions import FIELD, ask
from multigraft.plugins.quickstart.film import encode, timed_frames

SOURCE = "babyai"
EPISODES = 4500
_WORTH_PROCESSES = 300
_PER_CALL = 16


def size(split: str, limit: int | None, seed: int) -> int:
    """Number of bundles of a split; rooms differ by seed, their number does not."""
    return split_sizes(EPISODES if limit is None else limit)[split]


def film_bundle(plan: Plan) -> Bundle:
    """Play a plan, film it and ask about it."""
    episode = play(plan)
    record = make_record(plan.key, SOURCE, ask(plan, episode.visited, episode.mission))
    return Bundle(record, {FIELD: encode(timed_frames(episode.legs))})


def bundles(split: str, limit: int | None, seed: int) -> Iterator[Bundle]:
    """All bundles of a split, of `limit` episodes in all splits together (`EPISODES` if None)."""
    plans = plan_episodes(split, EPISODES if limit is None else limit, seed)
    processes = min(os.cpu_count() or 1, 8)
    if processes == 1 or len(plans) < _WORTH_PROCESSES:
        yield from map(film_bundle, plans)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(film_bundle, plans, chunksize=_PER_CALL)
