"""From a location in validated data to its YAML node."""

from collections.abc import Sequence
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from multigraft.core.recipe.yaml_nodes import pairs

_UNION_TAGS = frozenset({"bool", "int", "float", "str", "none", "[key]"})


@dataclass(frozen=True)
class Place:
    """The deepest written node on the way to a location."""

    node: Node
    key: ScalarNode | None
    """The key that `node` belongs to, or None for the root and for items of lists."""
    path: tuple[str, ...]
    missing: bool
    """Whether part of the location is not written out."""


def child(node: Node, item: str | int) -> tuple[ScalarNode | None, Node] | None:
    """The key and node below `node` that `item` names, if it is written."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in pairs(node) if key.value == str(item)), None)
    if isinstance(node, SequenceNode) and isinstance(item, int) and item < len(node.value):
        return None, node.value[item]
    return None


def descend(root: Node, location: Sequence[str | int]) -> Place:
    """Walk down a pydantic location, stepping over the names of union members in it."""
    node, key = root, None
    path: list[str] = []
    unresolved: list[str] = []
    for item in location:
        found = child(node, item)
        if found is None and item == 0 and not isinstance(node, SequenceNode):
            continue  # the only item of a list may be written without one
        if found is None:
            unresolved.append(str(item))
            continue
        key, node = found
        path += [str(item)]
        unresolved = []
    left = [item for item in unresolved if item not in _UNION_TAGS and item.replace("_", "").replace("-", "").isalnum()]
    return Place(node, key, (*path, *left), bool(left))
