"""Numbers of questions, pictures and clips, read off the ids of annotations."""

from multigraft import MultigraftError, Prediction


def number_of(prediction: Prediction) -> int:
    """The number that the data set gives a question.

    Raises:
        MultigraftError: its id has none.
    """
    name = prediction.published_id
    if not (name.isascii() and name.isdecimal()):
        hint = "pack the set with `data pack --kind` of its name, and an annotation for each picture or clip"
        raise MultigraftError(f"the id {prediction.id!r} ends in no number, which this leaderboard goes by; {hint}")
    return int(name)
