"""Strategies of `multigraft search`."""
