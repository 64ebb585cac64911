"""Backbones whose weights an installed package has, which is never imported."""

import sys

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from multigraft import OptionError
from multigraft.plugins.backbones.bert import build
from multigraft.plugins.backbones.options import BertOptions

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "box"]
CONFIG = BertConfig(
    vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes a distribution whose folders have a BERT each, and whose other files are empty."""
    (tmp_path / "tiny_bert-1.dist-info").mkdir()
    (tmp_path / "tiny_bert-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-bert\nVersion: 1\n")
    (tmp_path / "tiny_bert").mkdir()
    (tmp_path / "tiny_bert" / "__init__.py").write_text("raise ImportError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(*folders, files=()):
        for name in folders:
            folder = tmp_path / "tiny_bert" / name
            BertForMaskedLM(CONFIG).save_pretrained(folder)
            BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}).save_pretrained(folder)
        for name in files:
            (tmp_path / "tiny_bert" / name).write_bytes(b"")
        record = [f"{path.relative_to(tmp_path)},," for path in (tmp_path / "tiny_bert").rglob("*") if path.is_file()]
        (tmp_path / "tiny_bert-1.dist-info" / "RECORD").write_text("\n".join(record))
        return tmp_path / "tiny_bert"

    return make


def built(weights):
    return build(BertOptions(kind="bert", weights=weights))


def test_the_one_folder_of_a_package(package):
    folder = package("model")
    backbone = built("package:tiny-bert")
    assert backbone.origin == "package:tiny-bert"
    saved = BertForMaskedLM.from_pretrained(folder / "model").state_dict()
    for name, value in backbone.model.state_dict().items():
        torch.testing.assert_close(value, saved[name])
    assert backbone.tokenize(["a red box"])[0].tolist() == [[2, 5, 6, 7, 3]]
    assert "tiny_bert" not in sys.modules


def test_of_several_one_is_named(package):
    package("large", "small")
    assert built("package:tiny-bert/small").origin == "package:tiny-bert/small"
    with pytest.raises(OptionError, match="has several models") as caught:
        built("package:tiny-bert")
    assert caught.value.hint == "say package:tiny-bert/MODEL: large, small"
    with pytest.raises(OptionError, match="has no model smal") as caught:
        built("package:tiny-bert/smal")
    assert "did you mean 'small'" in caught.value.hint


def test_a_gguf_file_is_no_bert(package):
    package(files=["tiny.gguf"])
    with pytest.raises(OptionError, match="GGUF files are read by `kind: decoder` alone"):
        built("package:tiny-bert")


def test_a_package_without_a_model(package):
    package(files=["config.json"])
    with pytest.raises(OptionError, match=r"neither a file NAME\.gguf nor a folder with config\.json"):
        built("package:tiny-bert")
    with pytest.raises(OptionError, match="the package not-there is not installed"):
        built("package:not-there")
