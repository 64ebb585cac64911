"""Options of the built-in sharing rules."""

from typing import Annotated

from pydantic import Field

from multigraft import GroupName, Options, Refers


class SingleOptions(Options):
    """All tasks share everything."""


class PerTaskOptions(Options):
    """Each task has everything for itself."""


class HalfSharedOptions(Options):
    """Some parts are shared by all tasks, the others belong to the task."""

    shared: list[str] = Field(["up.*"], min_length=1)
    """Parts that are shared, as patterns over part names; `["down.*"]` shares the other half."""


class GroupsOptions(Options):
    """Tasks share within their group."""

    groups: dict[GroupName, list[Annotated[str, Refers("task")]]] = Field(min_length=1)
    """Group name to the names of its tasks; every task is in one group."""


class HypernetworkOptions(Options):
    """Every part is generated from embeddings of the task, the layer and the block."""

    embedding: int = Field(64, ge=1, le=65_536)
    """Width of the task, layer and block embeddings."""
    block_embeddings: bool = False
    """Whether one generator makes a part for all blocks of a stack, told by an embedding which it is (Hyperformer++);
    otherwise each block has generators of its own."""
    hidden: int = Field(64, ge=1, le=65_536)
    """Width of the layer between the embeddings and their projection."""
    projected: int = Field(8, ge=1, le=65_536)
    """Width of the vector that the generators read."""
