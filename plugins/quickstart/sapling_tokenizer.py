"""The sapling's tokenizer: lower-case byte-level byte pair encoding, special tokens in BART's order."""

from collections.abc import Iterable
from pathlib import Path

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
"""Ids 0 to 4."""

VOCABULARY = 4000


def train_tokenizer(texts: Iterable[str], path: Path) -> None:
    """Learn at most `VOCABULARY` tokens from texts and write `tokenizer.json`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[3]))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    special = [AddedToken(text, special=True, normalized=False, lstrip=text == SPECIAL[4]) for text in SPECIAL]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[0]} $A {SPECIAL[2]}", special_tokens=[(SPECIAL[0], 0), (SPECIAL[2], 2)]
    )
    tokenizer.save(str(path))
