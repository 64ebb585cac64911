"""Makes the text shards and the tokenizer of the sapling."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from multigraft import Annotation, ScoredAnswer, next_writer, seeded, writing, written_whole
from multigraft.plugins.quickstart.bundle import Bundle, chunks, make_record
from multigraft.plugins.quickstart.making import Source, make_source, write_manifest
from multigraft.plugins.quickstart.sapling_reading import Reading
from multigraft.plugins.quickstart.sapling_text import sapling_texts
from multigraft.plugins.quickstart.sapling_tokenizer import train_tokenizer

TOKENIZER = "tokenizer.json"
_NAME = "sapling"
_TASK = "text-denoising"
_PER_KEY = 10
_HELD_OUT = 50
"""One distinct text in so many is in validation, wherever it stands, and never in training."""

Texts = Sequence[str | Reading]


def _is_held_out(text: str | Reading, seed: int) -> bool:
    return seeded("held out", seed, text if isinstance(text, str) else text.text) % _HELD_OUT == 0


def _split(texts: Texts, split: str, seed: int) -> dict[str, list[str | Reading]]:
    """Source -> its texts."""
    found: dict[str, list[str | Reading]] = {}
    for text in texts:
        if _is_held_out(text, seed) == (split == "validation"):
            found.setdefault(_NAME if isinstance(text, str) else text.source, []).append(text)
    return found


def _bundles(texts: Texts, split: str, limit: int | None, seed: int) -> Iterator[Bundle]:
    for source, own in _split(texts, split, seed).items():
        for number, chunk in enumerate(chunks(own, _PER_KEY)):
            rows = [_annotation(text) for text in chunk]
            yield Bundle(make_record(f"{_NAME}-{split}-{source}-{number:06d}", source, rows))


def _annotation(text: str | Reading) -> Annotation:
    if isinstance(text, str):
        return Annotation(id="", task=_TASK, type="text", text=text)
    answers = (ScoredAnswer(text=text.answer),)
    return Annotation(id="", task=text.form, type=text.type, text=text.text, answers=answers)


def _size(texts: Texts, split: str, limit: int | None, seed: int) -> int:
    return sum(-(-len(own) // _PER_KEY) for own in _split(texts, split, seed).values())


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
