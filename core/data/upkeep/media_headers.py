"""What the inputs say of media without decoding any of them."""

from collections.abc import Mapping, Sequence

from multigraft.core.data.decode import LARGEST_MEMBER, DecodeWorkers
from multigraft.core.data.isolated import IsolatedDecoders, Job
from multigraft.core.data.modalities import input_for, plain_facts
from multigraft.core.data.open_file import OpenFile
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.input import Input
from multigraft.core.types.preparation import Preparation


class MediaHeaders:
    """Asks inputs what headers say: isolated ones in processes that can be ended, others in the calling thread."""

    def __init__(self, inputs: Sequence[Input], workers: DecodeWorkers) -> None:
        self._inputs = inputs
        isolated = {number: (each, Preparation()) for number, each in enumerate(inputs) if each.isolated}
        self._isolated = IsolatedDecoders(isolated, workers.processes, workers.deadline)

    def says(self, ending: str) -> bool:
        """Whether the input that reads an ending says anything of its media."""
        try:
            return type(self._inputs[input_for(ending, self._inputs)]).facts is not Input.facts
        except BadSample:
            return False

    def read(self, file: OpenFile, offset: int, size: int, ending: str, origin: str) -> Mapping[str, float]:
        """What the input says of a medium, by name.

        Args:
            origin: names the medium.

        Raises:
            BadSample: it cannot be read, whatever is wrong with it.
        """
        if size > LARGEST_MEMBER:
            raise BadSample("too large", f"{size} bytes, more than {LARGEST_MEMBER}")
        number, data = input_for(ending, self._inputs), file.read(offset, size)
        reader = self._inputs[number]
        if reader.isolated:
            return self._isolated.facts(Job(number, None, origin), data)
        try:
            return plain_facts(reader.facts(data))
        except BadSample:
            raise
        except Exception as error:
            raise BadSample("decoder failed", f"{error!r}") from error

    def close(self) -> None:
        """End the processes."""
        self._isolated.close()
