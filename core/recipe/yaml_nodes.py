"""YAML as nodes that keep their places. Scalars follow YAML 1.2: `1e-3` is a number, `no` and `on` are words."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_LEVELS = 40
MOST_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": re.compile(r"(?:~|null|Null|NULL|)$"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"[-+]?[0-9]{1,400}$"),
    "float": re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    "merge": re.compile(r"<<$"),
}


class _Reader(yaml.SafeLoader):
    """Composes nodes, at most `MOST_LEVELS` deep."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  (filled below)
    levels = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.levels += 1
        if self.levels > MOST_LEVELS:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested more than {MOST_LEVELS} levels deep", problem_mark=mark)
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node


class _Writer(yaml.SafeDumper):
    """Writes what `_Reader` reads back as the same values."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  (filled below)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")
"""Characters that YAML reads as the end of a line, or as nothing, unless they are escaped."""


def _written(writer: _Writer, text: str) -> ScalarNode:
    return writer.represent_scalar(f"{_TAG}str", text, style='"' if _BREAKS.search(text) else None)


_Writer.add_representer(str, _written)
for _name, _pattern in _SCALARS.items():
    for _class in (_Reader, _Writer):
        _class.add_implicit_resolver(_TAG + _name, _pattern, None)


def compose(text: str, name: str) -> Node | None:
    """The root node of a YAML document; its marks carry `name`.

    Raises:
        yaml.MarkedYAMLError: bad syntax, several documents, too deep.
    """
    reader = _Reader(text)
    reader.name = name
    try:
        return reader.get_single_node()
    finally:
        reader.dispose()


def read(text: str) -> Any:
    """The plain values of a YAML document, as a recipe's: `no` and `yes` are texts.

    Raises:
        yaml.MarkedYAMLError: as `compose`.
    """
    node = compose(text, "")
    return None if node is None else values(node)


def write(value: Any) -> str:
    """Plain values as YAML, keys in the order given."""
    return yaml.dump(value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)


def pairs(node: MappingNode) -> list[tuple[ScalarNode, Node]]:
    """Keys and values of a mapping: merge keys (`<<`) resolved, the last of repeated keys kept."""
    found: dict[str, tuple[ScalarNode, Node]] = {}
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            for merged in _merged(value):
                found = {one[0].value: one for one in pairs(merged)} | found
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.tag != _TAG + "merge":
            found[key.value] = (key, value)
    return list(found.values())


def _merged(value: Node) -> list[MappingNode]:
    several = value.value if isinstance(value, SequenceNode) else [value]
    return [one for one in several if isinstance(one, MappingNode)]


def values(node: Node) -> Any:
    """The plain values below a node."""
    if isinstance(node, MappingNode):
        return {key.value: values(value) for key, value in pairs(node)}
    if isinstance(node, SequenceNode):
        return [values(one) for one in node.value]
    return _scalar(node)


def _scalar(node: Node) -> Any:
    text: str = node.value
    match node.tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case _:
            return text


def faults(node: Node) -> Iterator[tuple[Node, str, str]]:
    """(where, message, hint) for keys given twice, keys that are no words, wrong merges, and far too many nodes."""
    seen = 0
    waiting = [(node, 0)]
    while waiting:
        one, level = waiting.pop()
        seen += 1
        if seen > MOST_NODES or level > MOST_LEVELS:
            yield one, "aliases make this document endless or far too large", "write it out without `*` aliases"
            return
        if isinstance(one, MappingNode):
            yield from _faults_of_keys(one)
            waiting += [(value, level + 1) for _, value in one.value]
        elif isinstance(one, SequenceNode):
            waiting += [(value, level + 1) for value in one.value]


def _faults_of_keys(node: MappingNode) -> Iterator[tuple[Node, str, str]]:
    first: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            yield key, "a key must be a plain word", "put quotes around it"
        elif key.tag == _TAG + "merge":
            if len(_merged(value)) != (len(value.value) if isinstance(value, SequenceNode) else 1):
                yield value, "`<<` merges mappings only", "give an alias of a mapping, or a list of them"
        elif key.value in first:
            line = first[key.value].start_mark.line + 1
            yield key, f"key {key.value!r} is given twice", f"first given in line {line}; remove one of the two"
        else:
            first[key.value] = key
