"""Whether what is built may be sent to another process."""

import pickle
from typing import Protocol, TypeVar


class Fingerprinted(Protocol):
    """What says in a text what decides its results."""

    def fingerprint(self) -> str:
        """That text."""
        ...


Made = TypeVar("Made", bound=Fingerprinted)


def copied(made: Made, twin: Made) -> tuple[Made | None, list[str]]:
    """The copy of a component that another process would get, and what is wrong; None where there can be no copy.

    Args:
        twin: built again with the same options.
    """
    wrong = []
    if made.fingerprint() != twin.fingerprint():
        wrong.append("its fingerprint differs when it is built again with the same options")
    try:
        copy: Made = pickle.loads(pickle.dumps(made))
    except Exception as error:  # of any class that the component holds
        return None, [*wrong, f"it cannot be pickled, and so not be sent to another process: {error}"]
    return copy, wrong
