"""The public surface: few names, each with its signature in docs/plugins.md, and none that imports torch too early.

`python tests/test_surface.py` writes the tables again.
"""

import dataclasses
import inspect
import re
import subprocess
import sys
from abc import ABC
from pathlib import Path

import pytest
from pydantic import BaseModel

import multigraft
from multigraft import init, ops, stacks, testing
from multigraft.core.registry.contract_changes import CHANGES

PAGE = Path(__file__).parents[1] / "docs" / "plugins.md"
MOST_NAMES = 125
GROUPS = {
    "To declare a plugin":
    "Component Command RecipeFolder hookimpl Run",
    "Contracts":
    "Encoder VisualEncoder Backbone PromptGenerator Adapter Prefix SideNetwork Sharing PartGenerator Objective Head "
    "Evaluator Input VideoDecoder Task Metric Sampler SearchStrategy Source MediaPlace AnswerFormat Logger Engine "
    "Interceptor NoGraft",
    "What contracts are given and give":
    "Site SiteCall Part Initial SHARED Batch TaskBatch TaskOutputs Said SaidRow ScoredDraw prediction_of IGNORED Loss "
    "Shapes RowShape Need View Row TextRow Vocabulary "
    "PromptShape MediaTokens TokenLayout Preparation Transform LogMel Media Span Clip FrameTaker Annotation Record "
    "ScoredAnswer TextPair Piece Answer Prediction Dropped",
    "Options":
    "Options Section Registered DataPath Refers SourceText GroupName EncoderOptions BackboneOptions PromptOptions "
    "AdapterOptions SiteSelector SamplerOptions SearchStrategyOptions SourceOptions ObjectiveOptions EvaluatorOptions "
    "VideoDecoderOptions TaskOptions Decoding WeightSource weight_source",
    "Errors and their texts":
    "MultigraftError OptionError RecipeError ComponentError BadSample did_you_mean nearest_name",
    "Files and data":
    "ShardWriter read_manifest missing_data MANIFEST write_text write_json write_folder writing "
    "written_whole next_writer memory_at_most hash_tensors seeded",
    "The library":
    "load_recipe Recipe train search evaluate predict merge Predictor Question Reply load_registry Registry "
    "open_artifact Artifact",
}  # fmt: skip

CONSTANTS = {
    "Initial": "Makes the start value of a part: `(shape, seeded generator) -> tensor`.",
    "SHARED": "The task scope of what all tasks own together.",
    "IGNORED": "Target id that counts in no loss.",
    "MANIFEST": "The file of a data folder that says what must be there.",
    "GroupName": "Type of a name that a recipe gives to a group of tasks.",
}
"""What Python keeps no docstring of."""


def signature(name, thing):
    """`NAME(...)` as Python writes it, without types; of a contract, the methods that must be written."""
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        return f"{name}({', '.join(thing.model_fields)})"
    if isinstance(thing, type) and (issubclass(thing, ABC) or getattr(thing, "_is_protocol", False)):
        return f"{name}: {', '.join(methods(thing))}"
    if dataclasses.is_dataclass(thing):
        return f"{name}({', '.join(field.name for field in dataclasses.fields(thing) if field.init)})"
    if (isinstance(thing, type) and thing.__init__ is not object.__init__) or inspect.isfunction(thing):
        return f"{name}({arguments(thing.__init__ if isinstance(thing, type) else thing)})"
    return f"{name} = {thing!r}" if isinstance(thing, str | int) else name


def methods(contract):
    """Those that a subclass must write, and all of a protocol."""
    wanted = getattr(contract, "__abstractmethods__", ()) or [
        each for each in vars(contract) if not each.startswith("_")
    ]
    for name in vars(contract):
        if name in wanted:
            value = vars(contract)[name]
            yield f"{name}({arguments(value)})" if inspect.isfunction(value) else name


def arguments(function):
    return ", ".join(name for name in inspect.signature(function).parameters if name not in ("self", "args", "kwargs"))


def said(thing):
    """The first sentence of its docstring."""
    text = inspect.getdoc(thing) or ""
    return re.split(r"(?<=[.])\s", " ".join(text.split("\n\n")[0].split()))[0].replace("|", "\\|")


def described():
    """The tables of docs/plugins.md."""
    lines = []
    for title, names in GROUPS.items():
        lines += [f"**{title}**", "", "| name | what |", "|---|---|"]
        for name in names.split():
            thing = getattr(multigraft, name)
            lines.append(f"| `{signature(name, thing)}` | {CONSTANTS.get(name) or said(thing)} |")
        lines.append("")
    for module in (init, ops, stacks, testing):
        lines += [f"**`{module.__name__}`**", "", "| name | what |", "|---|---|"]
        for name in module.__all__:
            lines.append(f"| `{signature(name, getattr(module, name))}` | {said(getattr(module, name))} |")
        lines.append("")
    return "\n".join(lines)


def with_tables(page):
    before, _, rest = page.partition("<!-- surface -->\n")
    return f"{before}<!-- surface -->\n\n{described()}\n<!-- /surface -->{rest.partition('<!-- /surface -->')[2]}"


def changed():
    """The table of docs/plugins.md that says what became of contracts."""
    lines = []
    for group, hooks in CHANGES.items():
        lines += [f"**Since `{group}`**", "", "| hook | before | now |", "|---|---|---|"]
        lines += [f"| `{hook}` | {each.before} | {each.now} |" for hook, changes in hooks.items() for each in changes]
        lines.append("")
    return "\n".join(lines)


def with_changes(page):
    before, _, rest = page.partition("<!-- changes -->\n")
    return f"{before}<!-- changes -->\n\n{changed()}\n<!-- /changes -->{rest.partition('<!-- /changes -->')[2]}"


def test_the_surface_is_small_and_wholly_documented():
    assert sorted(" ".join(GROUPS.values()).split()) == sorted(multigraft.__all__)
    assert len(multigraft.__all__) <= MOST_NAMES


@pytest.mark.parametrize("name", multigraft.__all__)
def test_every_name_says_what_it_is(name):
    assert CONSTANTS.get(name) or said(getattr(multigraft, name))


def test_every_name_stands_with_its_signature_in_the_page():
    page = PAGE.read_text()
    assert page == with_tables(page)


def test_what_became_of_contracts_stands_in_the_page():
    page = PAGE.read_text()
    assert page == with_changes(page)


@pytest.mark.parametrize("name", multigraft.__all__)
def test_every_name_can_be_imported(name):
    assert getattr(multigraft, name) is not None
    assert name in dir(multigraft)


def test_the_package_alone_imports_nothing_heavy():
    program = "import sys, multigraft; print(sorted({'torch', 'pydantic', 'numpy', 'transformers'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"


def test_options_find_components_without_a_context():
    program = "from multigraft import PromptOptions; print(PromptOptions(kind='linear').sharing.kind)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "single\n"


if __name__ == "__main__":
    PAGE.write_text(with_changes(with_tables(PAGE.read_text())))
