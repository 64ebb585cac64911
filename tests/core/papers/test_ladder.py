"""The recipe of ladder side tuning: as many numbers as the paper tells (Sung et al. 2022, 7.46 % on CLIP-T5)."""

from pathlib import Path

RECIPE = Path(__file__).parents[3] / "configs" / "papers" / "ladder" / "image_t5_ladder.yaml"
TRUNK, PROJECTION = 224_540_160, 1_581_312
"""All of T5 with its visual projection; the projection."""


def test_numbers_are_those_of_the_paper(numbers):
    d, w, feed_forward, heads, layers = 768, 192, 768, 12, 12
    encoder, decoder = 4 * w * w + 2 * w * feed_forward + 2 * w, 8 * w * w + 2 * w * feed_forward + 3 * w
    tables_and_norms = 2 * (32 * heads + w)
    maps = (2 + 2 * layers) * (d + 1) * w + 2 * layers + (w + 1) * d
    ladder = layers * (encoder + decoder) + tables_and_norms + maps
    assert numbers(RECIPE) == (PROJECTION + ladder, TRUNK + ladder)
    assert round(100 * (PROJECTION + ladder) / (TRUNK + ladder), 2) == 7.46


def test_two_steps_of_a_tiny_trunk(two_steps):
    assert two_steps(RECIPE, "image", "t5")[-1]["step"] == 2
