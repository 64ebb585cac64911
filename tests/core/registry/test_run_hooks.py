"""Calling run hooks."""

import pytest

from multigraft.core.registry.registry import Registry, load_registry

OBSERVER = """
    from multigraft import hookimpl

    seen = []

    @hookimpl
    def step_ended(step, losses):
        seen.append((step, losses))

    @hookimpl
    def loss_computed(losses):
        return losses["vqa"] * {factor}

    @hookimpl
    def run_ended(error):
        raise ValueError("no")
"""


@pytest.fixture
def hooks(install):
    install("aaa", OBSERVER.format(factor=2))
    install("bbb", OBSERVER.format(factor=3))
    return Registry([plugin for plugin in load_registry().plugins if not plugin.built_in]).hooks


def test_implementations_may_take_fewer_arguments(hooks):
    import aaa

    hooks.step_ended(run=None, step=4, losses={"vqa": 1.5})
    assert aaa.seen == [(4, {"vqa": 1.5})]


def test_the_plugin_loaded_last_decides_the_loss(hooks):
    assert hooks.loss_computed(run=None, step=0, losses={"vqa": 5}) == 15


def test_an_error_names_its_plugin(hooks):
    with pytest.raises(ValueError, match="no") as caught:
        hooks.run_ended(run=None, error=None)
    import bbb

    place = f'{bbb.__file__}:16: raise ValueError("no")'
    assert caught.value.__notes__ == [f"raised by plugin 'bbb' in its hook run_ended, at {place}"]


def test_a_hook_that_is_not_there(hooks):
    assert not hasattr(hooks, "step_finished")
