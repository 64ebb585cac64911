"""A small quickstart folder, made once, and the majority answer that text alone allows."""

import tarfile
from collections import Counter, defaultdict

import pytest

from multigraft.core.types.annotation import Record
from multigraft.plugins.quickstart.making import SOURCES, make_quickstart


@pytest.fixture(scope="session")
def quickstart_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    make_quickstart(folder, [source.name for source in SOURCES], limit=40, episodes=40, seed=0)
    return folder


@pytest.fixture(scope="session")
def samples():
    """Shard -> [(record, {field: bytes})], read with nothing of ours but the record's form."""

    def read(shard):
        found = defaultdict(dict)
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, field = member.name.partition(".")
                found[key][field] = tar.extractfile(member).read()
        return [(Record.model_validate_json(fields.pop("json")), fields) for fields in found.values()]

    return read


@pytest.fixture(scope="session")
def majority_accuracy():
    """The best accuracy that the input text alone can reach, majority answers counted on the same rows."""

    def compute(annotations):
        answers = defaultdict(Counter)
        for annotation in annotations:
            answers[annotation.text, tuple(sorted(annotation.choices))][annotation.answers[0].text] += 1
        right = sum(counts.most_common(1)[0][1] for counts in answers.values())
        return right / sum(counts.total() for counts in answers.values())

    return compute
