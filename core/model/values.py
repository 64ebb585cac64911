"""Whose tensors act in a pass: those that are trained, or the teacher's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from multigraft.core.graft.bank import Bank
    from multigraft.core.interfaces.interceptor import Interceptor


class Values:
    """What acts at the sites of a batch, by the values that a view asks for.

    Args:
        student: with the tensors that are trained.
        teacher: makes the one with the teacher's, without dropout; called where these are in place.
        banks: the tensors of all grafts of the batch.
    """

    def __init__(self, student: "Interceptor", teacher: Callable[[], "Interceptor"], *banks: "Bank") -> None:
        self._made, self._learned = {"student": student}, torch.is_grad_enabled()
        self._teacher, self._banks = teacher, banks

    def at_sites(self, values: str) -> "Interceptor":
        """What acts at the sites of the trunk."""
        if values not in self._made:
            with self.computing(values):
                self._made[values] = self._teacher()
        return self._made[values]

    def computing(self, values: str) -> AbstractContextManager[object]:
        """The context that passes run in: the teacher's have no gradient, and the student's have one wherever they are
        first asked for, since others may read them."""
        return torch.set_grad_enabled(self._learned) if values == "student" else self._teaching()

    @contextmanager
    def _teaching(self) -> Iterator[None]:
        with torch.no_grad(), ExitStack() as taught:
            for bank in self._banks:
                taught.enter_context(bank.taught())
            yield
