"""What stands around texts of decoder-only models: an end token, or the turns of a chat as transformers has them."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from multigraft import MultigraftError, OptionError
from multigraft.core.data.rows import RowMaker, TextLimits
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import greedy
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.pieces import Piece
from multigraft.core.types.sample import Sample, TextPair
from multigraft.plugins.backbones.decoder import backbone_of, build
from multigraft.plugins.backbones.decoder_texts import FORMS
from multigraft.plugins.backbones.options import DecoderOptions
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

TURNS = (
    "{% for message in messages %}<|turn|>{{ message['role'] }} says {{ message['content'] }}<|over|> then "
    "{% endfor %}{% if add_generation_prompt %}<|turn|>assistant says {% endif %}"
)
THINKS = TURNS.replace("says {{ message['content'] }}", (
    "says {% if message['role'] == 'assistant' %}nothing yet {% endif %}{{ message['content'] }}"
))  # fmt: skip
SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 4100,
    "eos_token_id": 2,
}  # fmt: skip
TEXTS = ["what is it?", "which colour has the box on the left?", ""]


def talker(template=TURNS):
    """A tokenizer with two special tokens that stand around a turn."""
    tokenizer = sapling_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|over|>"]})
    tokenizer.chat_template = template
    return tokenizer


def backbone(form="chat", tokenizer=None):
    torch.manual_seed(0)
    return backbone_of(LlamaForCausalLM(LlamaConfig(**SMALL)).eval(), tokenizer or talker(), FORMS[form])


def turn_of(tokenizer, text):
    """Ids of transformers."""
    found = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)
    return list(found["input_ids"])


def real(ids, mask):
    return [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]


def test_a_text_is_a_turn_of_the_user_and_the_beginning_of_the_answer():
    tokenizer = talker()
    assert real(*backbone().tokenize(TEXTS)) == [turn_of(tokenizer, text) for text in TEXTS]


@pytest.mark.parametrize("template", [TURNS, THINKS])
def test_a_target_ends_as_the_turn_of_the_assistant_does(template):
    tokenizer = talker(template)
    model, over = backbone(tokenizer=tokenizer), tokenizer.convert_tokens_to_ids("<|over|>")
    assert model.end == over
    (target,) = model.tokenize_targets(["a box"]).tolist()
    assert target == [*tokenizer("a box", add_special_tokens=False)["input_ids"], over]
    assert model.detokenize(torch.tensor([target])) == ["a box"]
    whole = tokenizer.apply_chat_template(
        [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "a box"}], tokenize=False
    )
    (text,) = real(*model.tokenize(["what?"]))
    if template == TURNS:
        assert "".join(whole.split()).startswith("".join(tokenizer.decode([*text, *target]).split()))


def test_what_stands_behind_an_answer_before_its_end_is_part_of_a_target():
    tokenizer = talker(TURNS.replace("<|over|>", " so<|over|>"))
    (target,) = backbone(tokenizer=tokenizer).tokenize_targets(["red"]).tolist()
    assert tokenizer.decode(target) == "red so<|over|>"


def test_a_long_text_loses_words_of_the_user_and_nothing_of_the_template():
    model, tokenizer = backbone(), talker()
    whole, least = len(turn_of(tokenizer, TEXTS[1])), len(turn_of(tokenizer, ""))
    for limit in range(least, whole + 1):
        (ids,) = real(*model.tokenize([TEXTS[1]], limit))
        beginnings = [turn_of(tokenizer, TEXTS[1][:letters]) for letters in range(len(TEXTS[1]) + 1)]
        assert ids in beginnings
        assert len(ids) <= limit
        assert len(ids) == max(len(each) for each in beginnings if len(each) <= limit)
    with pytest.raises(MultigraftError, match=f"template alone has {least} tokens, and the limit is {least - 1}"):
        model.tokenize([TEXTS[1]], least - 1)


def test_rows_lose_context_before_the_question_inside_the_template():
    model, tokenizer = backbone(), talker()
    pieces = [Piece("prefix", "vqa:"), Piece("question", " what is it?"), Piece("context", "a box " * 20, " context: ")]
    whole = TextPair.of(pieces, "red", 1.0)
    sample = Sample("vqa", Annotation(id="1", task="vqa"), whole, (), "none.tar#0")
    limit = len(turn_of(tokenizer, "vqa: what is it? context: a box a box"))
    (row,) = RowMaker(model, {"vqa": TextLimits(limit, 8)}).rows([sample])
    assert row.texts["text"].ids.tolist() == turn_of(tokenizer, "vqa: what is it? context: a box a box")
    assert row.cut == {"context"}


def test_decoding_stops_at_the_end_of_a_turn():
    model = backbone()
    ids, mask = model.tokenize(TEXTS)
    with torch.no_grad():
        model.model.lm_head.weight.zero_()
        model.model.lm_head.weight[model.end] = 1.0
        begin = Passes(model, Texts(ids, mask, torch.full((3, 1), model.end)), NoGraft()).beginning
        head = begin.hidden.sum(1).sign()
        found = greedy(begin, NoGraft(), Decoding(max_tokens=3))
    assert [row[0] == model.end for row in found.tolist()] == (head > 0).tolist()


REFUSED = {
    "has no chat template": None,
    "ends an answer with no special token": TURNS.replace("<|over|>", " over"),
    "does not go on where an answer is to begin": TURNS.replace("<|turn|>assistant says", "<|turn|>now"),
    "template fails: no such turn": "{{ raise_exception('no such turn') }}",
}


@pytest.mark.parametrize("reason", REFUSED)
def test_templates_that_cannot_be_used(reason):
    with pytest.raises(OptionError, match=reason) as caught:
        backbone(tokenizer=talker(REFUSED[reason])).tokenize(TEXTS)
    assert caught.value.location == ("texts",)


def test_an_end_token_behind_the_text_is_where_the_answer_is_read():
    plain, ended = backbone("plain"), backbone("ended")
    for model, behind in ((plain, []), (ended, [2])):
        words = sapling_tokenizer()(TEXTS, add_special_tokens=False)["input_ids"]
        assert real(*model.tokenize(TEXTS)) == [[0, *each, *behind] for each in words]
        assert model.tokenize_targets(TEXTS).tolist() == plain.tokenize_targets(TEXTS).tolist()
    ids, mask = ended.tokenize(TEXTS)
    places = ended.arrange(ids, mask, None).places
    assert ids.gather(1, places).tolist() == [[2], [2], [2]]
    assert ended.tokenize(TEXTS[1:2], 4)[0][0, -1] == 2


def test_a_recipe_says_it():
    options = {"kind": "decoder", "weights": "random", "architecture": SMALL | {"vocab_size": 5000}}
    assert build(DecoderOptions(**options, texts="ended")).text.end == [2]
    with pytest.raises(OptionError, match="the tokenizer has no chat template"):
        build(DecoderOptions(**options, texts="chat"))
