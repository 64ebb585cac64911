"""OpenMoji: groups, families, splits by concept and balanced questions."""

import io
import random
from collections import Counter

import pytest
from PIL import Image

from multigraft.plugins.quickstart import drawing_source
from multigraft.plugins.quickstart.concept_split import concept_splits
from multigraft.plugins.quickstart.drawing_questions import group_claims, yes_no_questions
from multigraft.plugins.quickstart.drawings import concepts, draw
from multigraft.plugins.quickstart.families import families


def test_there_are_853_concepts_in_five_groups_with_names_of_their_own():
    counts = Counter(concept.group for concept in concepts())

    assert counts == {"animal": 153, "food": 135, "travel": 218, "object": 262, "activity": 85}
    assert len({concept.name for concept in concepts()}) == 853


@pytest.mark.parametrize(
    "near_duplicates",
    [
        ["clock face one oclock", "clock face nine-thirty", "alarm clock"],
        ["new moon symbol", "full moon with face", "crescent moon"],
        ["mans shoe", "athletic shoe"],
        ["dog face", "guide dog", "poodle"],
        ["green book", "orange book", "notebook"],
        ["baseball", "softball"],
    ],
)
def test_near_duplicates_are_one_family_and_stay_on_one_side(near_duplicates):
    family_of = {concept.name: number for number, family in enumerate(families(concepts())) for concept in family}

    assert len({family_of[name] for name in near_duplicates}) == 1
    for seed in range(5):
        split_of = concept_splits(seed)
        assert len({split_of[name] for name in near_duplicates}) == 1


def test_splits_keep_the_shares_of_every_group_and_differ_by_seed():
    group_of = {concept.name: concept.group for concept in concepts()}
    for seed in range(5):
        counts = Counter((group_of[name], split) for name, split in concept_splits(seed).items())
        for group in set(group_of.values()):
            total = sum(counts[group, split] for split in ("train", "validation", "test"))
            assert counts[group, "test"] / total == pytest.approx(0.2, abs=0.03)
            assert counts[group, "validation"] / total == pytest.approx(0.1, abs=0.03)

    assert concept_splits(0) == concept_splits(0) != concept_splits(1)


def test_drawings_are_coloured_pictures_that_differ():
    pictures = [draw(concept) for concept in concepts()[:40]]
    colours = [len(Image.open(io.BytesIO(png)).getcolors(1 << 16)) for png in pictures]

    assert Image.open(io.BytesIO(pictures[0])).size == (128, 128)
    assert min(colours) > 2
    assert len(set(pictures)) == 40


def test_yes_and_no_are_equally_frequent_for_every_text_and_right():
    asked = yes_no_questions(concepts()[::3], 3, random.Random(0))
    counts = Counter((text, answer) for _, text, answer in asked)

    assert len(asked) > 1000
    assert all(counts[text, "yes"] == counts[text, "no"] for text, _ in counts)
    animals = [(concept.group == "animal", answer) for concept, text, answer in asked if text == "is this an animal?"]
    assert animals
    assert all(answer == ("yes" if true else "no") for true, answer in animals)


def test_claims_hold_of_the_drawings_they_are_made_of():
    cat, pizza = (next(c for c in concepts() if c.name == name) for name in ("cat face", "slice of pizza"))
    texts = {claim.text for claim in group_claims(cat, pizza)}

    assert "exactly one picture shows an animal" in texts
    assert "the second picture shows food" in texts
    assert all(claim.holds(cat, pizza) for claim in group_claims(cat, pizza))
    assert all(claim.holds(cat, cat) for claim in group_claims(cat, cat))


def test_held_out_concepts_are_asked_for_group_and_yes_no_but_never_for_their_name():
    rows = [row for bundle in drawing_source.bundles("test", 40, 0) for row in bundle.record.annotations]
    types = {row.type for row in rows if row.task == "compositional-question-answering"}

    assert types == {"unseen-group", "unseen-yes-no"}


def test_no_concept_is_in_two_splits():
    chosen = [{concept.name for concept in drawing_source.members(s, 0)} for s in ("train", "validation", "test")]

    assert sum(map(len, chosen)) == len(set.union(*chosen)) == 853
