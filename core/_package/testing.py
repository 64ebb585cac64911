"""Checks of what a plugin brings, for its own tests: `multigraft.testing.check_built("adapters", build, options)`."""

from multigraft.core.testing.conformance import check_built, check_component
from multigraft.core.testing.doctor import diagnose

__all__ = ["check_built", "check_component", "diagnose"]
