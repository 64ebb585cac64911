"""Compositional question answering, after GQA (Hudson and Manning 2019): exact match, case and spaces count."""

from multigraft.tasks.compositional_question_answering.options import CompositionalQuestionAnsweringOptions
from multigraft.tasks.question_answering import QuestionAnswering


def build(options: CompositionalQuestionAnsweringOptions) -> QuestionAnswering:
    """Compositional question answering."""
    return QuestionAnswering()
