"""Sources keep their contract over real files, and what does not is found."""

import json
from itertools import count
from pathlib import Path

import pytest

from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.packing import source_options
from multigraft.core.testing.conformance import check_built
from multigraft.core.types.annotation import Annotation

TURNS = [{"from": "human", "value": "what?"}, {"from": "gpt", "value": "that"}]
FILES = {
    "table": [{"text": "what?"}, {"text": ["no text"]}],
    "llava": [{"conversations": TURNS}, {"conversations": TURNS[:1]}],
    "coco": {"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "caption": "a cat"}]},
}
REGISTRY = load_registry()


@pytest.mark.parametrize("kind", [*FILES, "images"])
def test_built_ins_over_real_files(kind, tmp_path):
    path = tmp_path / "file.json"
    if kind in FILES:
        path.write_text(json.dumps(FILES[kind]))
    else:
        (path / "cat").mkdir(parents=True)
        (path / "cat" / "1.jpg").write_bytes(b"x")
    options = source_options(REGISTRY, {"kind": kind, "files": [str(path)], "task": "vqa"})
    build = import_name(REGISTRY.find("sources", kind).component.build)
    assert check_built("sources", build, options) == []


NOTE = Annotation(id="1", task="vqa")


def source(files=(), embedded=None, found=lambda: [NOTE]):
    made = type("Made", (Source,), {"annotations": lambda self: iter(found())})()
    made.files, made.embedded = files, embedded
    return made


COUNTED = count()


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (None, "`build` gives NoneType, no Source"),
        (source(files=("a.csv",)), "its `files` hold 'a.csv', no Path"),
        (source(embedded={}), "its `embedded` is dict, no MediaPlace"),
        (source(found=lambda: [{"id": "1"}]), "it gives dict, neither an Annotation nor Dropped"),
        (source(found=lambda: [NOTE, NOTE]), "it gives the id '1' twice"),
        (source(found=lambda: [Dropped("t#1", "")]),
         "Dropped(row='t#1', reason='', detail='', rows=1) does not say which row, or why"),
        (source(found=lambda: [Annotation(id=str(next(COUNTED)), task="vqa")]),
         "it gives other annotations when it is asked again"),
    ],
)  # fmt: skip
def test_sources_that_break_the_contract(made, line):
    options = SourceOptions(kind="any", files=["a.csv"], task="vqa")
    assert check_built("sources", lambda options: made, options) == [line]


def test_a_source_that_keeps_it():
    options = SourceOptions(kind="any", files=["a.csv"], task="vqa")
    assert check_built("sources", lambda options: source(files=(Path("a.csv"),)), options) == []
