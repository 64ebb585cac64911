"""What the checks of engines find."""

from multigraft.core.interfaces.engine import Engine
from multigraft.core.options.base import Options
from multigraft.core.testing.engines import wrong_answers, wrong_engine


class InTurn(Engine):
    """One worker, here; `spoil` changes what it answers."""

    def __init__(self, spoil=lambda work: work):
        self._spoil = spoil

    def run(self, start, work):
        worker = start()
        for number, text in enumerate(work):
            try:
                yield number, self._spoil(worker)(text)
            except KeyError:
                return


def told(spoil):
    return list(wrong_answers(InTurn(spoil)))


def test_an_engine_that_answers_each_piece_is_well():
    assert list(wrong_engine(lambda options: InTurn(), Options(kind="in-turn"))) == []
    assert told(lambda work: work) == []


def test_other_answers_and_errors_that_are_kept_quiet_are_found():
    (wrong,) = told(lambda work: lambda text: work(text).upper())
    assert wrong.startswith("to 12 pieces of work it gives the answers [(0, 'OF 0')")

    def quiet(work):
        def done(text):
            try:
                return work(text)
            except ValueError:
                raise KeyError from None

        return done

    assert told(quiet) == ["it goes on where a piece of work has failed"]
