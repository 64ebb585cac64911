"""What adapters are called in a graft."""

from multigraft.core.options.options import AdapterOptions

_TAKEN = ("backbone", "biases", "encoder", "norms", "prompt")
_TAKEN_FRONT = "head-"


def method_name(options: AdapterOptions) -> str:
    """Its `name`, or else its kind."""
    return options.name or options.kind.split("/")[-1]


def is_taken(name: str) -> bool:
    """Whether tensors of the graft that are no adapter's have this name."""
    return name in _TAKEN or name.startswith(_TAKEN_FRONT)
