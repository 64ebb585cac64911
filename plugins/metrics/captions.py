"""Caption metrics of the COCO evaluation, computed by pycocoevalcap."""

from abc import abstractmethod
from typing import Any

from pycocoevalcap.bleu.bleu import Bleu as CocoBleu
from pycocoevalcap.cider.cider import Cider as CocoCider
from pycocoevalcap.rouge.rouge import Rouge as CocoRouge

from multigraft import Metric, Prediction
from multigraft.plugins.metrics.meteor_program import corpus_meteor
from multigraft.plugins.metrics.options import BleuOptions, CaptionOptions, CiderOptions, MeteorOptions, RougeLOptions
from multigraft.plugins.metrics.word_tokenizers import java, tokenizer

Texts = dict[int, list[str]]
"""Tokenized texts by row."""


class CaptionMetric(Metric):
    """Compares outputs with the references that hold a word; rows without any are left out and counted."""

    names: tuple[str, ...]
    """Of its scores."""

    def __init__(self, options: CaptionOptions) -> None:
        self._tokenizer_name = options.tokenizer
        self._tokenize = tokenizer(options.tokenizer)
        self._rows: list[tuple[str, str, tuple[str, ...]]] = []
        self._without_references = 0

    @abstractmethod
    def _scores(self, references: Texts, outputs: Texts) -> dict[str, float]:
        """Scores of at least one row."""

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        references = tuple(text for text in prediction.references if any(map(str.isalnum, text)))
        if references:
            self._rows.append((prediction.id, prediction.output, references))
        else:
            self._without_references += 1

    def compute(self) -> dict[str, float]:
        """Scores over all rows, whatever their order."""
        if not self._rows:
            return {}
        rows = sorted(self._rows)
        words = iter(self._tokenize([text for _, output, references in rows for text in (output, *references)]))
        outputs, references = {}, {}
        for number, (_, _, texts) in enumerate(rows):
            outputs[number] = [next(words)]
            references[number] = [next(words) for _ in texts]
        return {name: float(value) for name, value in self._scores(references, outputs).items()}

    def counts(self) -> dict[str, int]:
        """The rows that have references."""
        return dict.fromkeys(self.names, len(self._rows))

    def facts(self) -> dict[str, Any]:
        """Tokenizer, and size of the corpus that inverse document frequencies and precisions come from."""
        corpus = {"rows": len(self._rows), "references": sum(len(references) for *_, references in self._rows)}
        left_out = {"without_references": self._without_references} if self._without_references else {}
        return {"tokenizer": self._tokenizer_name, "corpus": corpus | left_out}


class Cider(CaptionMetric):
    """CIDEr-D (Vedantam et al. 2015, equation 4), idf from the references given; a lone row scores 0."""

    names = ("cider",)

    def _scores(self, references: Texts, outputs: Texts) -> dict[str, float]:
        return {"cider": CocoCider().compute_score(references, outputs)[0]}


class Bleu(CaptionMetric):
    """BLEU (Papineni et al. 2002) of the corpus, brevity against the closest reference."""

    names = tuple(f"bleu-{order}" for order in range(1, 5))

    def _scores(self, references: Texts, outputs: Texts) -> dict[str, float]:
        values = CocoBleu(4).compute_score(references, outputs, verbose=0)[0]
        return dict(zip(self.names, values, strict=True))


class RougeL(CaptionMetric):
    """ROUGE-L (Lin 2004, section 3) with beta 1.2, mean over rows."""

    names = ("rouge-l",)

    def _scores(self, references: Texts, outputs: Texts) -> dict[str, float]:
        return {"rouge-l": CocoRouge().compute_score(references, outputs)[0]}


class Meteor(CaptionMetric):
    """METEOR 1.5 (Denkowski and Lavie 2014) by its Java program; empty scores, and facts that say why, without Java."""

    names = ("meteor",)
    _failure = ""

    def compute(self) -> dict[str, float]:
        """The score, or nothing where Java cannot run it."""
        return super().compute() if java() else {}

    def _scores(self, references: Texts, outputs: Texts) -> dict[str, float]:
        try:
            return {"meteor": corpus_meteor([(outputs[row][0], references[row]) for row in outputs])}
        except (OSError, ValueError) as error:
            self._failure = f"Java could not run METEOR: {error}"
            return {}

    def facts(self) -> dict[str, Any]:
        """As for all caption metrics, and why there is no score."""
        reason = self._failure or ("" if java() else "no `java` on the PATH")
        return super().facts() | ({"missing": reason} if reason else {})


def build_cider(options: CiderOptions) -> Cider:
    """CIDEr-D."""
    return Cider(options)


def build_bleu(options: BleuOptions) -> Bleu:
    """BLEU."""
    return Bleu(options)


def build_rouge_l(options: RougeLOptions) -> RougeL:
    """ROUGE-L."""
    return RougeL(options)


def build_meteor(options: MeteorOptions) -> Meteor:
    """METEOR."""
    return Meteor(options)
