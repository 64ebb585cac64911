"""The preferences of the insertion search of Dynamic Visual Prompting, by the reference's own update."""

import numpy as np
import pytest

from multigraft.plugins.search.bandit import moved, softmax


@pytest.mark.parametrize("run", ["m4n5", "m12n5", "m32n10", "realmodel_m4n5"])
def test_preferences_of_every_step(run, vectors):
    arrays = vectors("dvp_bandit")
    wanted, samples, scores = (np.asarray(arrays[f"{run}.{n}"]) for n in ("preferences", "samples", "scores_percent"))
    held = np.zeros(wanted.shape[1])
    for step, (arms, rewards) in enumerate(zip(samples, scores, strict=True)):
        if f"{run}.probs_before" in arrays:
            np.testing.assert_allclose(softmax(held), arrays[f"{run}.probs_before"][step], atol=1e-6)
        held = moved(held, list(zip(arms.tolist(), rewards.tolist(), strict=True)), 0.005)
        np.testing.assert_allclose(held, wanted[step + 1], atol=1e-6)


def test_the_best_of_twelve_is_the_hidden_one(vectors):
    arrays = vectors("dvp_bandit")
    assert np.argmax(arrays["m12n5.preferences"][-1]) == np.argmax(arrays["m12n5.true_mean_scores"])
