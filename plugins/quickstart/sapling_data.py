"""Makes the text shards and the tokenizer of the sapling."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from multigraft.core.data.annotation import Annotation, ScoredAnswer
from multigraft.core.files import writing, written_whole
from multigraft.core.locking import next_writer
from multigraft.plugins.quickstart.bundle import Bundle, chunks, make_record
from multigraft.plugins.quickstart.making import Source, make_source, write_manifest
from multigraft.plugins.quickstart.sapling_reading import Reading
from multigraft.plugins.quickstart.sapling_text import sapling_texts
from multigraft.plugins.quickstart.sapling_tokenizer import train_tokenizer

TOKENIZER = "tokenizer.json"
_NAME = "sapling"
_TASK = "text-denoising"
_PER_KEY = 500
_VALIDATION = 0.01

Texts = Sequence[str | Reading]


def _split(texts: Texts, split: str) -> Texts:
    held_out = max(1, round(_VALIDATION * len(texts)))
    return texts[:held_out] if split == "validation" else texts[held_out:]


def _bundles(texts: Texts, split: str, limit: int | None, seed: int) -> Iterator[Bundle]:
    for number, chunk in enumerate(chunks(_split(texts, split), _PER_KEY)):
        key = f"{_NAME}-{split}-{number:06d}"
        rows = [_annotation(text) for text in chunk]
        yield Bundle(make_record(key, _NAME, rows))


def _annotation(text: str | Reading) -> Annotation:
    if isinstance(text, str):
        return Annotation(id="", task=_TASK, type="text", text=text)
    return Annotation(id="", task=_TASK, type="reading", text=text.text, answers=(ScoredAnswer(text=text.answer),))


def _size(texts: Texts, split: str, limit: int | None, seed: int) -> int:
    return -(-len(_split(texts, split)) // _PER_KEY)


def make_sapling(root: Path, rows: int, seed: int) -> dict[str, Any]:
    """Write `sapling/{train,validation}-000000.tar`, `tokenizer.json` and the manifest; the manifest's content."""
    texts = sapling_texts(rows, seed)
    source = Source(_NAME, partial(_bundles, texts), partial(_size, texts), ("train", "validation"))
    words = [text if isinstance(text, str) else f"{text.text} {text.answer}" for text in texts]
    with next_writer(root), writing(root):
        make_source(source, root, rows, seed)
        with written_whole(root / TOKENIZER) as temporary:
            train_tokenizer(words, temporary)
        return write_manifest(root, "multigraft data sapling", [_NAME], [TOKENIZER])
