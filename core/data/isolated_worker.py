"""The decoding process that core/data/isolated.py starts. It imports numpy and the inputs, torch only if they do."""

import os
import pickle
import sys
from typing import IO, Any

import numpy as np

from multigraft.core.data.memory import bound_this_process
from multigraft.core.data.messages import Message, receive, send
from multigraft.core.data.modalities import Prepared, plain_facts
from multigraft.core.errors import BadSample
from multigraft.core.types.media import Media, Span


def main() -> None:
    """Decode what comes in until the other side closes."""
    incoming, outgoing = sys.stdin.buffer, _private_stdout()
    # The one pickle, made by our own parent process; nothing from a shard is ever unpickled.
    inputs: Prepared = pickle.loads(receive(incoming).data)
    for reader, _ in inputs.values():
        reader.load()
    send(outgoing, Message({}))
    bound_this_process()
    while _serve(inputs, incoming, outgoing):
        pass


def _serve(inputs: Prepared, incoming: IO[bytes], outgoing: IO[bytes]) -> bool:
    """Decode one medium, keeping nothing of it; false where no more comes."""
    try:
        message = receive(incoming)
    except EOFError:
        return False
    send(outgoing, _answer(inputs, message))
    return True


def _private_stdout() -> IO[bytes]:
    """The pipe to the parent; what native code prints goes to standard error instead."""
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return outgoing


def _answer(inputs: Prepared, message: Message) -> Message:
    try:
        if message.header["facts"]:
            reader, _ = inputs[message.header["input"]]
            return Message({"facts": plain_facts(reader.facts(bytes(message.data)))})
        media = _decode(inputs, message)
    except BadSample as error:
        return Message({"bad": [error.reason, error.detail]})
    except MemoryError as error:
        return Message({"bad": ["too large", f"decoding asks for more memory than it may take: {error}"]})
    except Exception as error:
        return Message({"bad": ["decoder failed", repr(error)]})
    if media.arrays is None:
        return Message({"bad": ["decoder failed", "the input gave no arrays"]})
    arrays = np.ascontiguousarray(media.arrays)
    header = {
        "kind": media.kind,
        "modality": media.modality,
        "type": arrays.dtype.str,
        "shape": arrays.shape,
        "times": media.times.tolist(),
    }
    return Message(header, arrays.reshape(-1).view(np.uint8).data)


def _decode(inputs: Prepared, message: Message) -> Media:
    header: dict[str, Any] = message.header
    span = Span(*header["span"]) if header["span"] else None
    reader, preparation = inputs[header["input"]]
    return reader.decode(bytes(message.data), preparation, span)


if __name__ == "__main__":
    main()
