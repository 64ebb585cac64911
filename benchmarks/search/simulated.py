"""How often each strategy finds the best of simulated arms, at one budget: `python benchmarks/search/simulated.py`.

Arm k of M is worth 50 - spacing * |k - best| percent, and a reward has noise of its own and noise that all rewards of a
batch share. Rewards do not change while the search goes on. Writes simulated.md beside this file.
"""

import random
from collections.abc import Callable
from pathlib import Path

from multigraft import ScoredDraw, SearchStrategy, load_registry
from multigraft.core.options.search_options import SearchStrategyOptions

SEEDS, DRAWS, OWN, SHARED = 30, 5, 2.0, 3.0
ARMS, STEPS, SPACINGS = (4, 12), (24, 50, 200, 1000), (0.3, 1.0)
STRATEGIES = ("bandit", "round-robin", "sweep")


def made(name: str, arms: int, steps: int, seed: int) -> SearchStrategy:
    registry = load_registry()
    options: SearchStrategyOptions = registry.options("search_strategies", name).model_validate(
        {"kind": name, "draws": DRAWS}
    )
    built: SearchStrategy = registry.build("search_strategies", options, sizes=(arms,), steps=steps, seed=seed)
    return built


def rewards_of(best: int, spacing: float, seed: int) -> Callable[[ScoredDraw], tuple[float]]:
    own = random.Random(f"own/{seed}")

    def reward(draw: ScoredDraw) -> tuple[float]:
        shared = random.Random(f"batch/{seed}/{draw.batch}").gauss(0, SHARED)
        return (50 - spacing * abs(draw.arms[0] - best) + shared + own.gauss(0, OWN),)

    return reward


def finds(name: str, arms: int, steps: int, spacing: float, seed: int) -> bool:
    best = random.Random(f"best/{seed}").randrange(arms)
    strategy, reward = made(name, arms, steps, seed), rewards_of(best, spacing, seed)
    for step in range(steps):
        strategy.trained(step)
        draws = list(strategy.scored(step))
        strategy.learn(draws, [reward(draw) for draw in draws])
    return strategy.best() == (best,)


def main() -> None:
    names = " | ".join(STRATEGIES)
    lines = [f"| arms | points between neighbours | steps | {names} |", "|---" * (3 + len(STRATEGIES)) + "|"]
    for arms in ARMS:
        for spacing in SPACINGS:
            for steps in STEPS:
                found = [sum(finds(name, arms, steps, spacing, seed) for seed in range(SEEDS)) for name in STRATEGIES]
                lines.append(f"| {arms} | {spacing} | {steps} | " + " | ".join(map(str, found)) + " |")
                print(lines[-1], flush=True)
    Path(__file__).with_name("simulated.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
