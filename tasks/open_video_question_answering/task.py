"""Open video question answering, after MSRVTT-QA and MSVD-QA (Xu et al. 2017): exact match."""

from multigraft.tasks.open_video_question_answering.options import OpenVideoQuestionAnsweringOptions
from multigraft.tasks.question_answering import QuestionAnswering


def build(options: OpenVideoQuestionAnsweringOptions) -> QuestionAnswering:
    """Open video question answering."""
    return QuestionAnswering()
