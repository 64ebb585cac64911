"""The device that a recipe asks for."""

import torch

from multigraft.core.errors import MultigraftError


def devices_there() -> list[str]:
    """What `device` in a recipe may name on this machine, beside `auto`."""
    cards = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *(["cuda", *cards] if cards else []), *(["mps"] if torch.backends.mps.is_available() else [])]


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        MultigraftError: with those that it has.
    """
    if name != "auto" and name not in (there := devices_there()):
        raise MultigraftError(f"`device: {name}` is not on this machine; it has {', '.join(there)}")


def device_of(name: str) -> torch.device:
    """The device of a recipe in a single process; `auto` takes the fastest that is there.

    Raises:
        MultigraftError: it is not there.
    """
    check_device(name)
    if name == "auto":
        name = next(each for each in ("cuda", "mps", "cpu") if each in devices_there())
    return torch.device(name)
