"""Tokens that join a stack before a layer act as if transformers' own layers had read them there.

Rows have texts and prompts of different lengths, and one has no prompt. They are compared one by one, unpadded.
"""

import pytest
import torch
from torch.nn.functional import pad

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import beam, greedy, score
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.tokens import Tokens

END, MOST = 1, 7
TEXTS = [[3, 5, 9, 4], [3, 8], [3, 12, 6, 7, 11, 5], [3, 4, 13]]
TARGETS = [[5, 6, 7, 1], [9, 1], [8, 8, 1], [4, 1]]
PROMPTS = [2, 3, 0, 1]


def padded(rows, value):
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def prompts(width=16):
    """`(rows, 3, width)`, loud at padding too, and a mask with the numbers of `PROMPTS`."""
    states = torch.randn(4, 3, width, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) * 2
    return states, torch.arange(3)[None] < torch.tensor(PROMPTS)[:, None]


def run(backbone, stack, layer, place):
    """All rows at once."""
    made = Tokens(*prompts())
    texts = Texts(padded(TEXTS, 0), padded([[1] * len(text) for text in TEXTS], 0).bool(), padded(TARGETS, -100))
    return Passes(backbone, texts, NoGraft(), [Insert(stack, layer, place, lambda text: made)])


def order(tokens, causal):
    """Added numbers that hide what comes later."""
    hidden = torch.full((tokens, tokens), -torch.inf, dtype=torch.float64)
    return hidden.triu(1)[None, None] if causal else torch.zeros_like(hidden)[None, None]


def walked(x, step, layers, insert, at, behind, prompt):
    """States `(1, tokens, width)` through layers, with the prompt put in; `behind` of the own tokens come before it."""
    for number in range(layers):
        if insert and number == (0 if at == "embedding" else at):
            x = torch.cat([x[:, :behind], prompt[None], x[:, behind:]], 1)
        x = step(number, x)
    return x


def llama_states(backbone, row, target, stack, layer, place):
    """States of transformers that predict what comes behind each token from a row's text on."""
    model, prompt = backbone.model.model, prompts()[0][row, : PROMPTS[row]]
    behind = len(TEXTS[row]) if place == "back" else 0

    def step(number, x):
        angles = model.rotary_emb(x, torch.arange(x.shape[1])[None])
        return model.layers[number](x, attention_mask=order(x.shape[1], True), position_embeddings=angles)

    x = model.embed_tokens(torch.tensor([TEXTS[row] + target]))
    x = model.norm(walked(x, step, len(model.layers), True, layer, behind, prompt))
    return x[:, len(TEXTS[row]) + len(prompt) - 1 :]


def gpt2_states(backbone, row, target, stack, layer, place):
    """As `llama_states`: what is there at the embedding has places, and what joins before a layer has none."""
    model, prompt = backbone.model.transformer, prompts()[0][row, : PROMPTS[row]]
    behind = len(TEXTS[row]) if place == "back" else 0

    def step(number, x):
        return model.h[number](x, attention_mask=order(x.shape[1], True))

    x, inside = model.wte(torch.tensor([TEXTS[row] + target])), layer != "embedding"
    if not inside:
        x = torch.cat([x[:, :behind], prompt[None], x[:, behind:]], 1)
    x = x + model.wpe.weight[: x.shape[1]]
    x = model.ln_f(walked(x, step, len(model.h), inside, layer, behind, prompt))
    return x[:, len(TEXTS[row]) + len(prompt) - 1 :]


def bart_states(backbone, row, target, stack, layer, place):
    """As `llama_states`, of BART's decoder."""
    model, prompt = backbone.model.model, prompts()[0][row, : PROMPTS[row]]

    def embedded(part, ids):
        ids = torch.tensor([ids])
        return part.layernorm_embedding(part.embed_tokens(ids) + part.embed_positions(ids))

    def encode(number, x):
        return model.encoder.layers[number](x, attention_mask=None)

    def decode(number, x):
        return model.decoder.layers[number](x, attention_mask=order(x.shape[1], True), encoder_hidden_states=memory)

    behind = len(TEXTS[row]) if place == "back" else 0
    memory = walked(embedded(model.encoder, TEXTS[row]), encode, 2, stack == "encoder", layer, behind, prompt)
    behind = 1 if place == "back" else 0
    x = walked(embedded(model.decoder, [2, *target]), decode, 2, stack == "decoder", layer, behind, prompt)
    return x[:, len(prompt) if stack == "decoder" else 0 :]


def t5_states(backbone, row, target, stack, layer, place):
    """As `llama_states`, of T5's decoder; a pair with a token of the prompt has no bias."""
    model, prompt = backbone.model, prompts()[0][row, : PROMPTS[row]]

    def steps(part, own, behind, causal, memory=None):
        bias = part.block[0].layer[0].SelfAttention.compute_bias(own, own)
        front, back = bias[:, :, :behind], bias[:, :, behind:]

        def step(number, x):
            added, more = bias, x.shape[1] - own
            if more:
                added = torch.cat(
                    [pad(front, (0, more)), bias.new_zeros(1, 2, more, own + more), pad(back, (0, more))], 2
                )
                moved = [*range(behind), *range(own, own + more), *range(behind, own)]
                added = added[..., moved]
            mask = order(x.shape[1], causal)
            return part.block[number](x, attention_mask=mask, position_bias=added, encoder_hidden_states=memory)[0]

        return step

    behind = len(TEXTS[row]) if place == "back" else 0
    x = model.shared(torch.tensor([TEXTS[row]]))
    encode = steps(model.encoder, len(TEXTS[row]), behind, False)
    memory = walked(x, encode, 2, stack == "encoder", layer, behind, prompt)
    memory, behind = model.encoder.final_layer_norm(memory), 1 if place == "back" else 0
    decode = steps(model.decoder, len(target) + 1, behind, True, memory)
    x = walked(model.shared(torch.tensor([[2, *target]])), decode, 2, stack == "decoder", layer, behind, prompt)
    return model.decoder.final_layer_norm(x)[:, len(prompt) if stack == "decoder" else 0 :]


BY_HAND = {"bart": bart_states, "t5": t5_states, "decoder": llama_states, "gpt2": gpt2_states}
WAYS = [
    (family, stack, layer, place)
    for family, stacks in (
        ("bart", ("encoder", "decoder")),
        ("t5", ("encoder", "decoder")),
        ("decoder", ("decoder",)),
        ("gpt2", ("decoder",)),
    )
    for stack in stacks
    for layer in ("embedding", 0, 1)
    for place in ("front", "back")
]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(map(str, way)))
def way(request):
    return request.param


def logits_by_hand(family, backbone, row, target, *where):
    """Logits of transformers `(tokens of the target + 1, vocabulary)`."""
    return backbone.output(BY_HAND[family](backbone, row, target, *where), NoGraft())[0]


def test_one_pass_and_steps(way, families):
    family, *where = way
    backbone = getattr(families, family)(0)
    passes = run(backbone, *where)
    whole, at = backbone.output(passes.target_states(), NoGraft()), passes.beginning
    assert whole.isfinite().all()
    stepped = []
    for token in padded(TARGETS, 0).unbind(1):
        stepped.append(at.logits(NoGraft()))
        _, at = at.extend(token[:, None], NoGraft())
    for row, target in enumerate(TARGETS):
        expected = logits_by_hand(family, backbone, row, target[:-1], *where)
        torch.testing.assert_close(whole[row, : len(target)], expected, atol=1e-5, rtol=1e-5)
        steps = torch.stack(stepped, 1)[row, : len(target)]
        torch.testing.assert_close(steps, expected, atol=1e-5, rtol=1e-5)


def test_outputs_equal_those_of_whole_sequences(way, families):
    family, *where = way
    outputs = set()
    for seed in range(2):
        backbone = getattr(families, family)(seed)
        begin = run(backbone, *where).beginning
        for beams, penalty in ((1, 1.0), (3, 1.0), (2, 0.0)):
            options = Decoding(beams=beams, max_tokens=MOST, length_penalty=penalty)
            ours = (greedy if beams == 1 else beam)(begin, NoGraft(), options)
            for row, ids in enumerate(ours.tolist()):

                def scores(target, row=row, backbone=backbone):
                    return logits_by_hand(family, backbone, row, target, *where)[-1].float().log_softmax(-1)

                expected = chosen(scores) if beams == 1 else searched(scores, beams, penalty)
                assert [token for token in ids if token != -100] == expected
                outputs.add(tuple(expected))
    assert len(outputs) >= 4


def chosen(scores):
    """Greedy search over whole sequences, without caches."""
    ids = []
    while len(ids) < MOST and END not in ids:
        ids.append(int(scores(ids).argmax()))
    return ids


def searched(scores, beams, penalty):
    """Beam search over whole sequences, without caches."""
    running, finished = [(0.0, [])], []
    for length in range(1, MOST + 1):
        more = [(so_far, ids, scores(ids)) for so_far, ids in running]
        options = [
            (so_far + new[token].item(), [*ids, token]) for so_far, ids, new in more for token in range(len(new))
        ]
        options = sorted(options, reverse=True)[: 2 * beams]
        ended = [option for option in options[:beams] if option[1][-1] == END or length == MOST]
        finished += [(total / length**penalty, ids) for total, ids in ended]
        finished = sorted(finished, reverse=True)[:beams]
        running = [option for option in options if option[1][-1] != END][:beams]
        if len(finished) == beams and finished[-1][0] >= running[0][0] / length**penalty:
            break
    return finished[0][1]


@pytest.mark.parametrize("layer", ["embedding", 1])
@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize("family", ["decoder", "gpt2"])
def test_candidates_behind_a_prompt(family, place, layer, families):
    backbone = getattr(families, family)(0)
    candidates = [["a", "bc"], ["def"], ["a"], ["bb"]]
    scores = score(run(backbone, "decoder", layer, place).beginning, NoGraft(), candidates)
    for row, texts in enumerate(candidates):
        for number, text in enumerate(texts):
            target = backbone.tokenize_targets([text])[0]
            logits = logits_by_hand(family, backbone, row, target[:-1].tolist(), "decoder", layer, place)
            expected = logits.float().log_softmax(-1).gather(1, target[:, None]).sum()
            torch.testing.assert_close(scores[row, number], expected)


def test_a_single_row_with_padding_among_its_prompts_has_several_beams(families):
    backbone = families.decoder(1)
    states, mask = prompts()
    made = Tokens(states[:1], mask[:1])
    texts = Texts(torch.tensor(TEXTS[:1]), torch.ones(1, 4).bool(), torch.tensor(TARGETS[:1]))
    begin = Passes(backbone, texts, NoGraft(), [Insert("decoder", 1, "front", lambda text: made)]).beginning
    options = Decoding(beams=3, max_tokens=MOST)
    alone = beam(begin, NoGraft(), options)
    beside = beam(run(backbone, "decoder", 1, "front").beginning, NoGraft(), options)
    assert alone[0].tolist() == beside[0].tolist()


def test_places_of_a_prompt_and_of_what_comes_behind(families):
    stack = families.decoder(0).stacks["decoder"]
    text = Tokens(
        torch.zeros(3, 4, 16), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool(), torch.arange(4)[None]
    )
    inserted = Tokens(torch.zeros(3, 2, 16), torch.tensor([[1, 1], [1, 0], [0, 0]]).bool())
    front, back = (stack.join(text, inserted, side, False) for side in (True, False))
    assert real_places(front) == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1, 2]]
    assert real_places(back) == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 1, 2]]
    assert front.mask.int().tolist()[1] == [1, 0, 1, 1, 0, 0]
    assert back.mask.int().tolist()[1] == [1, 1, 0, 0, 1, 0]


def real_places(tokens):
    return [places[kept].tolist() for places, kept in zip(tokens.positions, tokens.mask, strict=True)]


def told(backbone, stack, layer, before=()):
    """What a prompt made of the text is given, for two lengths: in a whole pass, and where decoding begins."""
    given = []

    def make(text):
        given.append(text)
        return Tokens(text.states[:, :1])

    texts = Texts(
        torch.tensor([[3, 4, 5], [3, 6, 0]]),
        torch.tensor([[1, 1, 1], [1, 1, 0]]).bool(),
        torch.tensor([[7, 8], [9, 1]]),
    )
    run = Passes(backbone, texts, NoGraft(), [*before, Insert(stack, layer, "front", make)])
    run.target_states()
    _ = run.beginning
    return given


@pytest.mark.parametrize(
    ("family", "stack"), [("decoder", "decoder"), ("gpt2", "decoder"), ("t5", "decoder"), ("bart", "encoder")]
)
@pytest.mark.parametrize("layer", ["embedding", 1])
def test_a_prompt_made_of_the_text_sees_neither_targets_nor_other_prompts(family, stack, layer, families):
    backbone = getattr(families, family)(0)
    first = Tokens(torch.ones(2, 2, 16))
    earlier = [Insert(stack, "embedding", place, lambda text: first) for place in ("front", "back")]
    earlier = earlier[:1] if stack == backbone.predicts else earlier
    for before in ((), earlier):
        given = told(backbone, stack, layer, before)
        for text in given:
            assert text.real.tolist() == [[True, True, True], [True, True, False]]
        if len(given) > 1:
            whole, begun = (each.states[text.real] for each in given[:2])
            torch.testing.assert_close(whole, begun)
