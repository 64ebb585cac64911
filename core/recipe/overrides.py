"""`--set a.b=1`: put a node into a tree. Nodes on the way are copied, as an alias may be used elsewhere."""

from collections.abc import Sequence

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from multigraft.core.recipe.yaml_nodes import pairs

_STRING = "tag:yaml.org,2002:str"
_MAPPING = "tag:yaml.org,2002:map"


class SetError(Exception):
    """An override that has no place in the recipe."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def put_in(node: Node | None, path: Sequence[str], new: Node) -> Node:
    """The tree with `new` at `path`: keys of mappings, indices of lists; mappings that lack are made, and
    the index behind the last adds an item.

    Raises:
        SetError: an empty key, or an index further on.
    """
    if not path:
        return new
    head, *rest = path
    if not head:
        raise SetError("an override has the form KEY.KEY=VALUE", "two dots, or a dot at an end, leave an empty key")
    if isinstance(node, SequenceNode):
        return _in_sequence(node, head, rest, new)
    found = {key.value: (key, value) for key, value in _as_pairs(node)}
    key, below = found.get(head, (ScalarNode(_STRING, head, new.start_mark, new.end_mark), None))
    found[head] = (key, put_in(below, rest, new))
    place = node or new
    return MappingNode(_MAPPING, list(found.values()), place.start_mark, place.end_mark)


def _as_pairs(node: Node | None) -> list[tuple[ScalarNode, Node]]:
    """The pairs of a mapping; a bare word such as `half-shared` stands for `{kind: half-shared}`."""
    if isinstance(node, MappingNode):
        return pairs(node)
    if isinstance(node, ScalarNode) and node.tag == _STRING:
        return [(ScalarNode(_STRING, "kind", node.start_mark, node.end_mark), node)]
    return []


def _in_sequence(node: SequenceNode, head: str, rest: Sequence[str], new: Node) -> Node:
    count = len(node.value)
    if not head.isdecimal() or int(head) > count:
        known = "it is empty, and 0" if count == 0 else f"its items are 0 to {count - 1}, and {count}"
        raise SetError(f"{head!r} is no item of this list", f"{known} adds one; or give the whole list")
    items = [*node.value, None]
    items[int(head)] = put_in(items[int(head)], rest, new)
    items = [each for each in items if each is not None]
    return SequenceNode(node.tag, items, node.start_mark, node.end_mark)
