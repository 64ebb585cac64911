"""`note-table`: a fixed random vector for each pitch of a tune."""

import torch
from torch import Tensor, nn

from multigraft import Encoder, Interceptor, hash_tensors
from multigraft.stacks import Tokens
from multigraft_sample.notes import PITCHES, Notes
from multigraft_sample.options import NoteTableOptions


class NoteTable(Encoder):
    """A token for each note."""

    def __init__(self, options: NoteTableOptions) -> None:
        super().__init__()
        self.width, self.tokens = options.width, options.most
        self.pitches = nn.Embedding(PITCHES, options.width)

    def preparation(self) -> Notes:
        """Of inputs of the modality `notes`."""
        return Notes(self.tokens)

    def encode(self, arrays: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tokens:
        """Pitches `(tunes, notes)`, 0 where the mask is False, to `(tunes, notes, width)` and the same mask."""
        return Tokens(self.pitches(arrays), mask)

    def fingerprint(self) -> str:
        """Everything that decides a token."""
        table = self.pitches.weight
        return f"note-table:{'meta' if table.is_meta else hash_tensors([table])}"


def build(options: NoteTableOptions) -> NoteTable:
    """The encoder of a recipe; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return NoteTable(options).eval().requires_grad_(False)
