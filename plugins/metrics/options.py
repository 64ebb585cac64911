"""Options of the built-in metrics."""

from typing import Annotated, Literal

from pydantic import Field

from multigraft import Options


class ExactMatchOptions(Options):
    """Share of outputs that equal one of the references or answers."""

    normalise: Literal["none", "lower"] = "none"
    """`none` compares as written, as GQA does; `lower` ignores case."""


class VqaAccuracyOptions(Options):
    """Soft accuracy of VQA: agreement with the annotators, after the official normalisation."""


class AccuracyByTypeOptions(Options):
    """One accuracy for each type of annotation, and their mean over types."""

    of: Literal["exact-match", "vqa-accuracy"] = "exact-match"
    """The accuracy that is averaged."""


class ConsistencyOptions(Options):
    """Share of sentences that are judged rightly on all their pictures, each sentence within its set.

    The set is SPLIT-SET of an id SPLIT-SET-PAIR-SENTENCE, as in NLVR2; else the record that the statement belongs to,
    else its source.
    """


class RecallOptions(Options):
    """Share of queries with something relevant among the first of their ranking, in each direction of retrieval."""

    at: list[Annotated[int, Field(ge=1)]] = Field([1, 5, 10], min_length=1)
    """Of how many."""


class CaptionOptions(Options):
    """Base of the options of the caption metrics."""

    tokenizer: Literal["simple", "ptb"] = "simple"
    """`simple`: lower case, words at white space, punctuation cut from their ends; the same on every machine.
    `ptb`: the Penn Treebank tokenizer of pycocoevalcap, with which published scores are made; needs Java."""


class CiderOptions(CaptionOptions):
    """CIDEr-D; 10 for a caption equal to its only reference, if that has four words or more."""


class BleuOptions(CaptionOptions):
    """BLEU-1 to BLEU-4 over the whole corpus, closest reference length."""


class RougeLOptions(CaptionOptions):
    """ROUGE-L: F-measure of the longest common subsequence."""


class MeteorOptions(CaptionOptions):
    """METEOR 1.5; without Java it gives no score and says so in the facts."""
