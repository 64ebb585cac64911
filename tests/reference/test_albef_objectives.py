"""Contrast, matching and masked words give the numbers of ALBEF's code; so do its queue and its teacher."""

import random

import pytest
import torch
from torch.nn.functional import cross_entropy, linear, normalize

from multigraft.core.graft.bank import Bank, Key
from multigraft.core.interfaces.objective import TaskBatch
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.batch import IGNORED, TextBatch
from multigraft.core.types.media import Media
from multigraft.core.types.owner import Owner
from multigraft.core.types.part import Part
from multigraft.core.types.row import Row
from multigraft.core.types.sample import Sample, TextPair
from multigraft.core.types.vocabulary import Vocabulary
from multigraft.plugins.objectives.contrastive import Contrastive
from multigraft.plugins.objectives.masked_words import MASKED, MaskedWords, hide_words
from multigraft.plugins.objectives.matching import Matching
from multigraft.plugins.objectives.options import ContrastiveOptions, MaskedWordsOptions, MatchingOptions
from multigraft.plugins.objectives.queue import enqueued

ROWS = 4


@pytest.fixture(scope="module")
def step(vectors):
    arrays = vectors("albef_step")
    return {name: value.float() if value.is_floating_point() else value for name, value in arrays.items()}


class Outputs:
    """The student's states of the reference in place of a trunk's."""

    first = 0

    def __init__(self, step, state=None, gathered=None):
        self._step, self.state, self.gathered = step, state, gathered

    def view(self, view):
        return Teacher(self._step) if view.values == "teacher" else self

    def summary(self):
        return self._step["text_cls"]

    def media_summary(self, modality):
        return self._step["image_cls"]

    def module(self, name, x=None):
        if name == "temperature":
            return self._step["temp"]
        side = {"media-projection": "vision_proj", "text-projection": "text_proj", "match": "itm_head"}[name]
        return linear(x, self._step[f"w/{side}.weight"], self._step[f"w/{side}.bias"])


class Teacher(Outputs):
    """Its features, as if they were states and projections changed nothing."""

    def summary(self):
        return self._step["text_feat_m"]

    def media_summary(self, modality):
        return self._step["image_feat_m"]

    def module(self, name, x):
        return x


def task_batch(texts=None):
    pairs = [
        Sample(
            "pairs",
            Annotation(id=str(n), task="pairs"),
            TextPair("", ""),
            (Media("image", "visual", None, []),),
            str(n),
        )
        for n in range(ROWS)
    ]
    rows = tuple(Row(sample, {}) for sample in pairs)
    return TaskBatch("pairs", rows, texts or {}, torch.ones(ROWS), torch.arange(ROWS))


@pytest.fixture
def contrast(step):
    """The objective as ALBEF pre-trains with it, its queue as the reference's was, and the teacher's features."""
    options = ContrastiveOptions(
        kind="contrastive", width=16, queue=32, teacher=True, distillation=float(step["alpha"])
    )
    keys = {"media": step["image_feat_m"], "text": step["text_feat_m"], "key": torch.arange(ROWS)}
    state = {"media": step["image_queue_before"].T, "text": step["text_queue_before"].T, "key": torch.arange(100, 132)}
    return Contrastive(options), {"gathered": keys, "state": {**state, "next": step["queue_ptr_before"][0]}}


def test_contrast_with_a_queue_and_a_teacher(contrast, step):
    objective, given = contrast
    loss = objective.loss(task_batch(), Outputs(step, **given))
    torch.testing.assert_close(loss.sum / ROWS, step["loss_ita"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(loss.parts["media-to-text"] / ROWS, step["loss_i2t"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(loss.parts["text-to-media"] / ROWS, step["loss_t2i"], atol=1e-5, rtol=1e-5)
    moved = objective.advance(given["state"], loss.append)
    assert torch.equal(moved["media"], step["image_queue_after"].T)
    assert torch.equal(moved["text"], step["text_queue_after"].T)
    assert int(moved["next"]) == int(step["queue_ptr_after"][0])


def test_gradients_of_the_temperature_and_the_projections(contrast, step):
    objective, given = contrast
    names = {
        "temp": "grad_temp",
        "w/vision_proj.weight": "grad_vision_proj_w",
        "w/text_proj.weight": "grad_text_proj_w",
    }
    trained = {name: step[name].clone().requires_grad_() for name in names}
    (objective.loss(task_batch(), Outputs({**step, **trained}, **given)).sum / ROWS).backward()
    for name, wanted in names.items():
        torch.testing.assert_close(trained[name].grad, step[wanted], atol=1e-5, rtol=1e-5)


def test_weights_of_negatives_are_those_of_the_student_without_the_own_row(step):
    objective = Matching(MatchingOptions(kind="matching", negatives="alike", teacher=True))
    own = torch.arange(ROWS)[:, None] != torch.arange(ROWS)
    image, text = (normalize(step[f"{name}_feat"], dim=1) for name in ("image", "text"))
    media, texts = objective._likeness(task_batch(), Outputs(step), own)
    torch.testing.assert_close(image, step["image_feat"])
    torch.testing.assert_close(text, step["text_feat"])
    torch.testing.assert_close(media * own, step["neg_weights_t2i"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(texts * own, step["neg_weights_i2t"], atol=1e-5, rtol=1e-5)


def test_matching_of_three_pairs_a_row(step):
    logits = step["itm_logits"]
    losses = cross_entropy(logits, step["itm_labels"].long(), reduction="sum")
    assert step["itm_labels"].tolist() == [1] * ROWS + [0] * 2 * ROWS
    torch.testing.assert_close(losses / (3 * ROWS), step["loss_itm"])
    assert Matching(MatchingOptions(kind="matching")).denominator(task_batch().rows) == 3 * ROWS


def test_masked_words_with_a_teacher(step):
    labels = step["mlm_labels"]
    counted = labels != IGNORED
    text = TextBatch(
        step["masked_input_ids"], step["attention_mask"].bool(), labels[counted],
        counted.flatten().nonzero()[:, 0], counted.nonzero()[:, 0], tuple(counted.sum(1).tolist()),
    )  # fmt: skip
    outputs = WordOutputs(step)
    count = int(counted.sum())
    for alpha, wanted in ((0.0, step["mlm_ce"]), (float(step["alpha"]), step["loss_mlm"])):
        objective = MaskedWords(MaskedWordsOptions(kind="masked-words", distillation=alpha))
        loss = objective.loss(task_batch({MASKED: text}), outputs)
        torch.testing.assert_close(loss.sum / count, wanted, atol=1e-5, rtol=1e-5)


class WordOutputs:
    """The logits of the reference, as if the states were these."""

    def __init__(self, step, name="mlm_logits"):
        self._step, self._name = step, name

    def view(self, view):
        return WordOutputs(self._step, "mlm_logits_teacher" if view.values == "teacher" else "mlm_logits")

    def text_states(self):
        return self._step[self._name]

    def logits(self, states):
        return states


class Given(random.Random):
    """Gives the draws of the reference, place by place."""

    def __init__(self, chosen, hidden, replaced, words):
        super().__init__(0)
        places = [place for place, each in enumerate(chosen) if each]
        draws = [0.0 if each else 1.0 for each in chosen]
        for place in places:
            draws.append(0.0 if hidden[place] else 1.0)
            if not hidden[place]:
                draws.append(0.0 if replaced[place] else 1.0)
        self._words = iter([int(words[p]) for p in places if not hidden[p] and replaced[p]])
        self._draws = iter(draws)

    def random(self):
        return next(self._draws)

    def randrange(self, *_):
        return next(self._words)


def test_which_words_are_hidden(vectors):
    arrays = vectors("albef_mlm_masking")
    never = {int(arrays["pad_id"]), int(arrays["cls_id"])}
    vocabulary = Vocabulary(64, int(arrays["mask_id"]), frozenset(never))
    for number, ids in enumerate(arrays["input_ids"]):
        allowed = torch.tensor([int(each) not in never for each in ids])
        draws = [arrays[name][number] for name in ("chosen", "draw_mask80", "draw_random50", "random_words")]
        given = Given(*(each[allowed].tolist() for each in draws))
        found = hide_words(ids, vocabulary, 0.15, given)
        assert found.ids.tolist() == arrays["out_input_ids"][number].tolist()
        assert found.labels.tolist() == arrays["out_labels"][number].tolist()


def test_how_often_words_are_hidden():
    draw, vocabulary = random.Random(0), Vocabulary(4000, 3, frozenset({0, 1}))
    ids = torch.arange(10, 3010)
    rows = [hide_words(ids, vocabulary, 0.15, draw) for _ in range(20)]
    labels, found = torch.stack([row.labels for row in rows]), torch.stack([row.ids for row in rows])
    chosen = labels != IGNORED
    assert chosen.float().mean() == pytest.approx(0.15, abs=0.005)
    assert (found[chosen] == 3).float().mean() == pytest.approx(0.8, abs=0.01)
    assert (found[chosen] == labels[chosen]).float().mean() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(found[~chosen], ids.expand(20, -1)[~chosen])


def test_nine_batches_in_a_queue(vectors):
    arrays = vectors("albef_queue")
    state = {"media": arrays["image_queue_0"].T, "text": arrays["text_queue_0"].T}
    state = {**state, "key": torch.zeros(32, dtype=torch.long), "next": torch.tensor(0)}
    for number, (media, text) in enumerate(zip(arrays["image_feats"], arrays["text_feats"], strict=True), start=1):
        state = enqueued(state, {"media": media, "text": text, "key": torch.full((4,), number)})
        assert int(state["next"]) == int(arrays["ptr_after_each"][number - 1])
        if number in (1, 8, 9):
            assert torch.equal(state["media"], arrays[f"image_queue_after_{number}"].T)
            assert torch.equal(state["text"], arrays[f"text_queue_after_{number}"].T)


def test_a_queue_that_a_batch_does_not_divide_or_fill():
    state = {"key": torch.full((5,), -1), "next": torch.tensor(0)}
    for rows, wanted, place in (
        ([1, 2, 3], [1, 2, 3, -1, -1], 3),
        ([4, 5, 6], [6, 2, 3, 4, 5], 1),
        (list(range(10, 17)), [16, 12, 13, 14, 15], 3),
    ):
        before, state = state, enqueued(state, {"key": torch.tensor(rows)})
        if len(rows) < 5:
            assert state["key"].tolist() == wanted
        assert set(state["key"].tolist()) >= set(rows[-5:])
        assert int(state["next"]) == place
        assert before is not state


@pytest.mark.parametrize("momentum", [0.995, 0.9])
def test_the_teacher_moves(vectors, momentum):
    arrays = vectors("albef_momentum")
    bank = Bank(0)
    key = Key(Owner("shared", "x"), "x.weight")
    bank.declare(key, Part("weight", (16, 32), lambda shape, generator: arrays["teacher_before"].clone()))
    bank.allocate(torch.device("cpu"))
    bank.add_teacher()
    bank[key].data = arrays["student"].clone()
    for step in range(1, 11):
        bank.move_teacher(momentum)
        if (name := f"teacher_after_{step}_m{momentum}") in arrays:
            torch.testing.assert_close(bank.teacher[key], arrays[name], atol=1e-12, rtol=1e-12)


def test_within_the_block_the_teacher_stands_in_and_nothing_is_lost(vectors):
    bank = Bank(0)
    own, adopted = Key(Owner("shared", "x"), "x.weight"), Key(Owner("shared", "backbone"), "backbone.weight")
    bank.declare(own, Part("weight", (2,), lambda shape, generator: torch.ones(shape)))
    parameter = torch.nn.Parameter(torch.tensor([5.0]))
    bank.adopt(adopted, parameter)
    bank.allocate(torch.device("cpu"))
    bank.add_teacher()
    with torch.no_grad():
        bank[own].add_(1)
        parameter.add_(1)
    with bank.taught():
        assert (bank[own].tolist(), bank.at(0).tolist(), parameter.tolist()) == ([1, 1], [1, 1], [5])
    assert (bank[own].tolist(), bank.at(0).tolist(), parameter.tolist()) == ([2, 2], [2, 2], [6])
    assert (bank.teacher[own].tolist(), bank.teacher[adopted].tolist()) == ([1, 1], [5])
