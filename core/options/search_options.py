"""Base of the options of search strategies."""

from pydantic import Field

from multigraft.core.options.base import Options


class SearchStrategyOptions(Options):
    """Base of the options of a search strategy."""

    draws: int = Field(5, ge=1, le=10_000)
    """Batches of the search split that are scored for each step of training, on average."""
