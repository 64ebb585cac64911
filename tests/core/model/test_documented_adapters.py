"""Every graft that docs/adapters.md shows can be built, here over a tiny T5."""

import re
from pathlib import Path

import pytest
import yaml

PAGE = (Path(__file__).parents[3] / "docs" / "adapters.md").read_text()
SHOWN = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("shown", SHOWN, ids=[str(number) for number in range(len(SHOWN))])
def test_what_is_shown_can_be_built(shown, tiny_model):
    [graft] = shown.values()
    model = tiny_model(graft=graft)
    attached = {attachment.method for attachment in model.graft.attachments() if attachment.adapter is not None}
    assert attached == {adapter.get("name", adapter["kind"]) for adapter in graft["adapters"]}


def test_each_adapter_is_shown_under_its_name(registry):
    headings = re.findall(r"^## `(.*)`$", PAGE, re.MULTILINE)
    built_in = [one.component.name for one in registry.registrations("adapters") if one.plugin.built_in]
    assert sorted(headings) == sorted(built_in)
