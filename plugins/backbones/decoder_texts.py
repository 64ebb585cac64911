"""What stands around the texts and targets of a decoder-only model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from multigraft import MultigraftError, OptionError
from multigraft.plugins.backbones.decoder_model import special_ids
from multigraft.plugins.backbones.text import TextCodec


class DecoderTexts(NamedTuple):
    """How texts and targets become ids."""

    text: TextCodec
    target: TextCodec


TextForm = Callable[[Any, Any], DecoderTexts]
"""Makes them of a model's config and a tokenizer."""


def plain(config: Any, tokenizer: Any) -> DecoderTexts:
    """A text has a token in front that begins it, and a target one behind that ends it."""
    begin, end, pad = special_ids(config, tokenizer)
    return DecoderTexts(TextCodec(tokenizer, [begin], [], pad), TextCodec(tokenizer, [], [end], pad))


def ended(config: Any, tokenizer: Any) -> DecoderTexts:
    """As `plain`, and the text ends with an end token too."""
    begin, end, pad = special_ids(config, tokenizer)
    return DecoderTexts(TextCodec(tokenizer, [begin], [end], pad), TextCodec(tokenizer, [], [end], pad))


def chat(config: Any, tokenizer: Any) -> DecoderTexts:
    """A text is a user's turn in the tokenizer's template, and the target the assistant's, to the token that ends it.

    Raises:
        OptionError: the tokenizer has no such template, or none that can be used so.
    """
    _, _, pad = special_ids(config, tokenizer)
    behind = _end_of_turn(tokenizer)
    return DecoderTexts(ChatCodec(tokenizer, pad), TextCodec(tokenizer, [], behind, pad))


FORMS: Mapping[str, TextForm] = {"plain": plain, "ended": ended, "chat": chat}
"""By their names in a recipe."""


class ChatCodec(TextCodec):
    """Texts as a user's turn, behind which the assistant's begins."""

    def __init__(self, tokenizer: Any, pad: int) -> None:
        super().__init__(tokenizer, [], [], pad)

    def encode(self, texts: Sequence[str], limit: int | None, fill: int) -> Tensor:
        """Ids `(texts, tokens)`, filled up at the end; of a text that is too long the user's words go from the end.

        Raises:
            MultigraftError: the template alone is longer than the limit.
        """
        rows = [torch.tensor(self._cut(text, ids, limit)) for text, ids in zip(texts, self._ids(texts), strict=True)]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=fill)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self.tokens([_turns(self.tokenizer, text, begins_answer=True) for text in texts])

    def _cut(self, text: str, ids: list[int], limit: int | None) -> list[int]:
        if limit is None or len(ids) <= limit:
            return ids
        kept, low, high = self._ids([""])[0], 0, len(text) - 1
        if len(kept) > limit:
            raise MultigraftError(f"the chat template alone has {len(kept)} tokens, and the limit is {limit}")
        while low < high:
            middle = (low + high + 1) // 2
            (tried,) = self._ids([text[:middle]])
            low, high, kept = (middle, high, tried) if len(tried) <= limit else (low, middle - 1, kept)
        return kept


_QUESTION, _ANSWER = "(question)", "(answer)"
"""Stand in a template once, to see what it puts around them."""


def _end_of_turn(tokenizer: Any) -> list[int]:
    """Ids behind the assistant's answer, up to the first special one."""
    if getattr(tokenizer, "chat_template", None) is None:
        raise OptionError(("texts",), "the tokenizer has no chat template", "`plain` or `ended`")
    begun, whole = _turns(tokenizer, _QUESTION, begins_answer=True), _turns(tokenizer, _QUESTION, _ANSWER)
    if not whole.startswith(begun) or _QUESTION not in begun or _ANSWER not in whole:
        raise OptionError(("texts",), "the tokenizer's chat template does not go on where an answer is to begin")
    behind = tokenizer(whole.rpartition(_ANSWER)[2], add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    last = next((place for place, each in enumerate(behind) if each in special), None)
    if last is None:
        raise OptionError(("texts",), "the tokenizer's chat template ends an answer with no special token")
    return behind[: last + 1]  # type: ignore[no-any-return]


def _turns(tokenizer: Any, text: str, answer: str | None = None, begins_answer: bool = False) -> str:
    turns = [{"role": "user", "content": text}]
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    try:
        return tokenizer.apply_chat_template(  # type: ignore[no-any-return]
            turns, tokenize=False, add_generation_prompt=begins_answer
        )
    except Exception as error:  # of the template
        raise OptionError(("texts",), f"the tokenizer's chat template fails: {error}") from None
