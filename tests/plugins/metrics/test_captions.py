"""Check values are those of pycocoevalcap 1.2 itself."""

import os
import random
import shutil

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.plugins.metrics.captions import build_bleu, build_cider, build_meteor, build_rouge_l
from multigraft.plugins.metrics.options import BleuOptions, CiderOptions, MeteorOptions, RougeLOptions
from multigraft.plugins.metrics.word_tokenizers import penn_treebank, simple

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="METEOR and the PTB tokenizer are Java programs")


@pytest.fixture
def cider():
    return build_cider(CiderOptions(kind="cider"))


@pytest.fixture
def repeating(row):
    """Outputs that repeat words or say too few."""
    return [
        row("a dog a dog a dog a dog", "a dog runs in the park", "the dog is running"),
        row("cat", "a cat sleeps on the sofa"),
    ]


@pytest.fixture
def half_empty(row):
    """Nothing said about one picture, all about the other."""
    return [row("", "a dog runs"), row("a cat sleeps", "a cat sleeps")]


def test_cider_of_repeated_words(cider, repeating, scores):
    assert scores(cider, repeating) == {"cider": pytest.approx(0.6406743045684515, abs=1e-12)}


def test_cider_of_three_words_said_exactly_is_seven_and_a_half(cider, half_empty, scores):
    assert scores(cider, half_empty) == {"cider": pytest.approx(3.75)}


def test_cider_of_a_lone_row_is_zero(cider, row, scores):
    assert scores(cider, [row("a cat sleeps", "a cat sleeps")]) == {"cider": 0.0}


def test_bleu(half_empty, scores):
    bleu = scores(build_bleu(BleuOptions(kind="bleu")), half_empty)
    assert list(bleu) == ["bleu-1", "bleu-2", "bleu-3", "bleu-4"]
    assert bleu["bleu-1"] == pytest.approx(0.36787944, abs=1e-8), "precision 1, brevity exp(1 - 6 / 3)"


def test_rouge_l(repeating, half_empty, scores):
    assert scores(build_rouge_l(RougeLOptions(kind="rouge-l")), half_empty) == {"rouge-l": 0.5}
    expected = pytest.approx(0.27319063198212573, abs=1e-12)
    assert scores(build_rouge_l(RougeLOptions(kind="rouge-l")), repeating) == {"rouge-l": expected}


def test_nothing_is_printed(repeating, scores, capfd):
    scores(build_bleu(BleuOptions(kind="bleu")), repeating)
    scores(build_cider(CiderOptions(kind="cider")), repeating)
    assert capfd.readouterr() == ("", "")


def test_punctuation_and_case_do_not_count(cider, row, scores):
    rows = [row("A dog, running.", "a dog running"), row("Two cats!", "two cats")]
    assert scores(cider, rows)["cider"] == pytest.approx((7.5 + 5.0) / 2)


def test_the_score_is_the_same_to_the_last_bit_whatever_the_order(row, scores):
    words = random.Random(0)
    rows = [row(*(" ".join(words.choices("abcdefgh", k=6)) for _ in range(3))) for _ in range(60)]
    orders = [words.sample(rows, len(rows)) for _ in range(8)]
    assert len({scores(build_cider(CiderOptions(kind="cider")), order)["cider"] for order in orders}) == 1


def test_facts_name_the_tokenizer_and_the_corpus(cider, repeating, scores):
    scores(cider, repeating)
    assert cider.facts() == {"tokenizer": "simple", "corpus": {"rows": 2, "references": 3}}


def test_rows_without_words_to_compare_with_are_left_out_and_counted(cider, half_empty, row, scores):
    rows = [*half_empty, row("a dog"), row("a dog", "", "...")]
    assert scores(cider, rows) == {"cider": pytest.approx(3.75)}
    assert cider.facts()["corpus"] == {"rows": 2, "references": 2, "without_references": 2}


def test_only_such_rows_give_no_score(cider, row, scores):
    assert scores(cider, [row("a dog", "?!")]) == {}


def test_simple_tokenizer_keeps_what_is_inside_a_word():
    assert simple(["The dog's light-blue café: «3.5», – ok?", "हिन्दी!", " \n"]) == [
        "the dog's light-blue café 3.5 ok",
        "हिन्दी",
        "",
    ]


@needs_java
def test_penn_treebank_tokenizer_keeps_rows_apart():
    texts = ["The dog's café,\n3.5.", "", "A cat!"]
    assert penn_treebank(texts) == ["the dog 's café 3.5", "", "a cat"]


def test_penn_treebank_without_java_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MultigraftError, match=r"`tokenizer: ptb` needs Java.*install a Java runtime, or use"):
        build_cider(CiderOptions(kind="cider", tokenizer="ptb"))


@needs_java
def test_meteor(half_empty, scores):
    metric = build_meteor(MeteorOptions(kind="meteor"))
    assert scores(metric, half_empty) == {"meteor": pytest.approx(0.5405405405405405)}
    assert "missing" not in metric.facts()


def test_meteor_without_java_gives_no_score_and_says_why(monkeypatch, half_empty, scores):
    monkeypatch.setenv("PATH", "")
    metric = build_meteor(MeteorOptions(kind="meteor"))
    assert scores(metric, half_empty) == {}
    assert metric.facts()["missing"] == "no `java` on the PATH"


def test_a_java_that_cannot_run_meteor_stops_nothing(monkeypatch, tmp_path, half_empty, scores):
    broken = tmp_path / "java"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    metric = build_meteor(MeteorOptions(kind="meteor"))
    assert scores(metric, half_empty) == {}
    assert "could not run METEOR" in metric.facts()["missing"]
