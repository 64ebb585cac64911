"""Texts that are too long: the context goes first, then choices evenly, the question last, the prefix never."""

from hypothesis import given, settings
from hypothesis import strategies as st

from multigraft.core.data.cutting import cut_kinds, fit
from multigraft.core.data.tokens import tokenize_inputs, tokenize_targets
from multigraft.core.interfaces.backbone import Longest
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.pieces import Piece, joined
from multigraft.core.types.sample import TextPair
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer
from multigraft.plugins.backbones.text import TextCodec
from multigraft.tasks.pieces import asked


def words(text):
    """One token a word, and one that ends the text."""
    return len(text.split()) + 1


def pieces(prefix="vqa: ", question="who is it", context="", choices=()):
    return TextPair.of(
        asked(Annotation(id="1", task="t", context=context), question, choices), ""
    ).with_prefix(prefix).parts  # fmt: skip


def cut(limit, count=words, **texts):
    return joined(fit(pieces(**texts), limit, count))


CHOICES = ("a red box", "a blue box on the left", "none")


def test_context_then_choices_then_question():
    texts = {"context": "it was a man", "choices": CHOICES}
    whole = joined(pieces(**texts))
    assert cut(100, **texts) == whole
    assert cut(words(whole) - 1, **texts) == whole.replace(" a man", " a")
    assert cut(17, **texts) == "vqa: who is it choices: a red box, a blue box on the left, none"
    assert cut(14, **texts) == "vqa: who is it choices: a red, a blue box on the, none"
    assert cut(9, **texts) == "vqa: who is it choices: a, a, none"
    assert cut(8, **texts) == "vqa: who is choices: a, a, none"
    assert cut(5, **texts) == "vqa:  choices: a, a"
    assert cut(1, **texts) == "vqa: "


def test_what_was_cut_is_named():
    whole = pieces(context="it was a man", choices=CHOICES)
    named = [cut_kinds(whole, fit(whole, limit, words)) for limit in (100, 20, 14, 8)]
    assert named == [set(), {"context"}, {"context", "choices"}, {"context", "choices", "question"}]


def test_a_word_without_end_is_cut_within():
    assert cut(10, count=len, prefix="q: ", question="supercalifragilistic") == "q: superca"
    assert cut(12, count=len, prefix="q: ", question="a supercalifragilistic") == "q: a"


def test_a_text_without_pieces_is_all_question():
    example = TextPair("which colour is it?", "red").with_prefix("colour: ")
    assert example.text == "colour: which colour is it?"
    assert joined(fit(example.parts, 4, words)) == "colour: which colour"
    replaced = TextPair.of(asked(Annotation(id="1", task="t"), "who"), "")
    assert type(replaced)(text="why not", target="", pieces=replaced.pieces).parts == (Piece("question", "why not"),)


class Sapling:
    """The tokenizer of the quickstart, as a backbone."""

    longest = Longest(256, 256)

    def __init__(self):
        self._codec = TextCodec(sapling_tokenizer(), [0], [2], 1)

    def tokenize(self, texts, limit=None):
        return self._codec.inputs(texts, limit)

    def tokenize_targets(self, texts, limit=None):
        return self._codec.encode(texts, limit, -100)


SAPLING = Sapling()
SENTENCES = st.text(alphabet="abcde é漢?,. \n", max_size=60)


@settings(max_examples=80)
@given(SENTENCES, SENTENCES, st.lists(SENTENCES.filter(str.strip), max_size=4), st.integers(30, 90))
def test_every_text_fits_and_keeps_its_prefix_and_its_choices(question, context, choices, limit):
    annotation = Annotation(id="1", task="t", context=context)
    example = TextPair.of(asked(annotation, question, choices), "").with_prefix("video-mc: ")
    ids, mask, ((lost),) = tokenize_inputs(SAPLING, [example], limit)
    assert mask.sum() <= limit
    kept = fit(example.parts, limit, lambda text: int(SAPLING.tokenize([text])[1].sum()))
    assert ids.tolist() == SAPLING.tokenize([joined(kept)])[0].tolist()
    assert joined(kept).startswith("video-mc: ")
    assert sum(piece.kind == "choice" for piece in kept) == len(choices)
    assert all(piece.text for piece in kept if piece.kind == "choice")
    if not lost:
        assert ids.tolist() == SAPLING.tokenize([example.text])[0].tolist()
    if "question" in lost:
        assert not any(piece.kind == "context" for piece in kept)


def test_targets_lose_their_last_tokens_and_are_counted():
    ids, cut_targets = tokenize_targets(SAPLING, ["red", "a red box on a pale ground"], 5)
    assert cut_targets == [frozenset(), frozenset({"target"})]
    assert ids.tolist() == SAPLING.tokenize_targets(["red", "a red box on a pale ground"], 5).tolist()
