"""A plugin of an older entry-point group is named with what became of its contracts, and not imported."""

import pytest

from multigraft.core.errors import ComponentError
from multigraft.core.registry.contract_changes import changes_since
from multigraft.core.registry.hookspecs import ENTRY_POINT_GROUP
from multigraft.core.registry.registry import load_registry
from multigraft.core.testing.doctor import Finding

DECODE = "Input.decode(data, transform, span) -> Input.decode(data, preparation, span)"
ANSWER = "Objective.answer -> an Evaluator, by the hook register_evaluators"


def test_changes_are_told_by_hook():
    changes = changes_since("multigraft.v1")
    assert DECODE in changes["register_inputs"]
    assert ANSWER in changes["register_objectives"]


def test_hooks_whose_contracts_stayed_have_no_changes():
    assert "register_adapters" not in changes_since("multigraft.v1")


@pytest.mark.parametrize("group", [ENTRY_POINT_GROUP, "multigraft.v99"])
def test_a_group_of_today_or_of_tomorrow_has_no_changes(group):
    assert changes_since(group) == {}


@pytest.mark.parametrize("name", ["mine", "old/mine"])
def test_a_recipe_that_may_name_one_of_its_components_is_told_about_that_kind(install, name):
    install("old", "raise RuntimeError('imported')", group="multigraft.v1")
    with pytest.raises(ComponentError) as error:
        load_registry().find("objectives", name)
    assert "plugin 'old' did not load: made for multigraft.v1" in str(error.value)
    assert ANSWER in str(error.value)
    assert DECODE not in str(error.value)


def test_a_finding_is_one_line_and_one_for_each_change():
    finding = Finding("error", "old", "wrong API", "mend it", changes=("a -> b", "c -> d"))
    assert str(finding) == "error: old: wrong API; mend it\n  a -> b\n  c -> d"
