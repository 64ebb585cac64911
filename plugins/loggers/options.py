"""Options of the built-in loggers."""

from multigraft import Options


class JsonLinesOptions(Options):
    """`metrics.jsonl`: one JSON object a line, `{"step": 10, "train/vqa/loss": 1.2}`."""


class CsvOptions(Options):
    """`metrics.csv`: a column for each scalar; the file is rewritten when a new one appears."""


class TensorBoardOptions(Options):
    """Event files in `tensorboard/`, for `tensorboard --logdir`."""
