"""Options of the built-in forms of answers."""

from multigraft import Options


class VqaFormatOptions(Options):
    """VQA on EvalAI: a list of `{question_id, answer}`."""


class GqaFormatOptions(Options):
    """GQA: a list of `{questionId, prediction}`."""


class Nlvr2FormatOptions(Options):
    """NLVR2: CSV lines of an identifier and `True` or `False`."""


class CocoCaptionsFormatOptions(Options):
    """COCO's captions: a list of `{image_id, caption}`."""


class ValueFormatOptions(Options):
    """VALUE: `{qid: number of the choice}` for questions, and for captions a line `{clip_id, descs}` for each clip."""
