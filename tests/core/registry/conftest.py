"""Plugins that tests install or write."""

import sys
from textwrap import dedent

import pytest

ADAPTER = """
    from multigraft import Component, hookimpl

    @hookimpl
    def register_adapters():
        yield Component("{name}", "multigraft.core.config.sections:AdapterOptions", "{module}:build")

    def build(options):
        from multigraft.core.graft.part import Part, ones
        from multigraft.core.interfaces.adapter import Adapter

        class Scaled(Adapter):
            origin = "{module}"

            def parts(self, site):
                return (Part("scale", (site.width_out,), ones),)

            def apply(self, call, parts):
                return call.output * parts["scale"]

        return Scaled()
"""


@pytest.fixture
def adapter_plugin():
    """Code of a plugin with one adapter."""

    def code(module, name="scaled"):
        return ADAPTER.format(module=module, name=name)

    return code


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with one plugin, a module of the same name, where Python finds it."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def make(module, code, entry_point="", distribution="", group="multigraft.v1"):
        distribution = distribution or module.replace("_", "-")
        (tmp_path / f"{module}.py").write_text(dedent(code))
        facts = tmp_path / f"{distribution.replace('-', '_')}-1.5.dist-info"
        facts.mkdir(exist_ok=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (facts / "entry_points.txt").write_text(f"[{group}]\n{entry_point or module} = {module}\n")
        modules.append(module)

    yield make
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def plugin_file(tmp_path):
    """Write a one-file plugin."""
    stems = []
    before = list(sys.path)

    def write(name, code):
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(code))
        stems.append(path.stem)
        return path

    yield write
    sys.path[:] = before
    for stem in stems:
        sys.modules.pop(stem, None)
