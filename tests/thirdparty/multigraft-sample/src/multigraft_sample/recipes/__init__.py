"""Recipes of this plugin: `multigraft train sample`."""
