"""Recipes of VL-PET: as many numbers as the paper tells (Hu et al. 2023, 4.157 % for the large gate)."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "configs" / "papers" / "vl_pet"
TRUNK, BOTTLENECK, SHARED = 141_156_864, 148_320, 1_582_848 + 13 * 1_536
"""All of BART with its visual projection; an adapter; the projection and the encoder's norms."""
GATES = {"large": BOTTLENECK, "middle_x": 769, "middle_y": 768, "small": 1_537}
TRAINED = {"large": 6_052_416, "middle_x": 4_281_804, "middle_y": 4_281_792, "small": 4_291_020}


def test_every_recipe_has_its_row():
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == sorted(TRAINED)


@pytest.mark.parametrize("name", TRAINED)
def test_numbers_are_those_of_the_paper(name, numbers):
    added = 12 * (BOTTLENECK + GATES[name]) + 6 * BOTTLENECK
    assert numbers(FOLDER / f"{name}.yaml") == (TRAINED[name], TRUNK + added)
    assert TRAINED[name] == SHARED + added


@pytest.mark.parametrize("name", TRAINED)
def test_two_steps_of_a_tiny_trunk(name, two_steps):
    assert two_steps(FOLDER / f"{name}.yaml", "image", "bart")[-1]["step"] == 2
