"""`notes`: a tune as text, such as `60 62 64`, the pitches of its notes. It needs numpy alone, as all inputs."""

from dataclasses import dataclass

import numpy as np

from multigraft import BadSample, Input, Media, Preparation, Span
from multigraft_sample.options import NotesOptions

PITCHES = 128


@dataclass(frozen=True)
class Notes(Preparation):
    """What an encoder of tunes wants: their pitches."""

    most: int = 32
    """Notes of a tune, at most."""

    def example(self) -> np.ndarray:
        """Two tunes, by which `multigraft.testing` tries an encoder."""
        return np.arange(2 * self.most).reshape(2, self.most) % PITCHES


class NotesInput(Input):
    """One item: all notes of a tune."""

    kind = "tune"
    modality = "notes"
    prepares = Notes
    extensions = ("notes",)

    def decode(self, data: bytes, preparation: Notes, span: Span | None) -> Media:
        """Pitches `(1, notes)`, int64."""
        try:
            pitches = [int(word) for word in data.decode("ascii").split()]
        except ValueError as error:
            raise BadSample("not a tune", str(error)) from None
        if not pitches or not all(0 <= pitch < PITCHES for pitch in pitches):
            raise BadSample("not a tune", f"{len(pitches)} pitches, of which each must be 0 to {PITCHES - 1}")
        if len(pitches) > preparation.most:
            raise BadSample("too long", f"{len(pitches)} notes, more than {preparation.most}")
        return Media(self.kind, self.modality, np.array([pitches]), np.zeros(1, np.float32))

    def fingerprint(self) -> str:
        """Raise the number when `decode` gives something else."""
        return "notes/1"


def build(options: NotesOptions) -> NotesInput:
    """The input of a recipe."""
    return NotesInput()
