"""A whole tiny CLIP-BART with single adapters gives the reference's states, logits, losses and greedy outputs."""

import re

import numpy as np
import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, ByT5Tokenizer

from multigraft.core.data.collate import collate
from multigraft.core.graft.attach import Method, ModuleParts, add_method, add_module
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.interfaces.prompt import PromptShape
from multigraft.core.model.model import Model
from multigraft.core.model.prompting import PlacedPrompt
from multigraft.core.model.task_objective import TaskObjective
from multigraft.core.options.options import Decoding
from multigraft.core.trunk.decoding import greedy
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import Media
from multigraft.core.types.need import View
from multigraft.core.types.row import Row, TextRow
from multigraft.core.types.sample import Sample, TextPair
from multigraft.plugins.adapters.bottleneck import Bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.objectives.generation import Generation
from multigraft.plugins.objectives.options import GenerationOptions
from multigraft.plugins.prompts.linear import LinearPrompt
from multigraft.plugins.prompts.options import LinearOptions
from multigraft.plugins.sharing.single import Single

REDUCTIONS = {"vqa": "sample-mean", "gqa": "sample-mean", "nlvr": "sample-mean", "caption": "token-mean"}
CONFIG = {
    "vocab_size": 68, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 30,
    "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": None,
}  # fmt: skip
ADAPTERS = {
    "encoder": {"self-attention": "attn_adapter", "feed-forward": "ff_adapter"},
    "decoder": {
        "self-attention": "self_attn_adapter", "cross-attention": "enc_attn_adapter", "feed-forward": "ff_adapter",
    },
}  # fmt: skip
PROMPT = {
    "feature": "feat_embedding.0", "feature_norm": "feat_embedding.1", "box": "absolute_vis_pos_embedding.0",
    "box_norm": "absolute_vis_pos_embedding.1", "image_order": "img_order_embedding",
}  # fmt: skip


class StoredTokens(VisualEncoder):
    """Nine tokens of width 12 a picture, which the batches bring along."""

    width, tokens = 12, 9

    def forward(self, pixels, intercept):
        raise NotImplementedError

    def fingerprint(self):
        return "stored"


@pytest.fixture(scope="module")
def arrays(vectors):
    return {name: value.float() if value.is_floating_point() else value
            for name, value in vectors("model_bart_single_adapter").items()}  # fmt: skip


def backbone(arrays):
    model = BartForConditionalGeneration(BartConfig(**CONFIG))
    own = {name.removeprefix("param/"): value for name, value in arrays.items() if name.startswith("param/")}
    missing = model.load_state_dict(own, strict=False).missing_keys
    assert {re.sub(r"^(model\.(en|de)coder\.embed_tokens|lm_head)\.weight$", "tied", name) for name in missing} <= {
        "tied", "final_logits_bias",
    }  # fmt: skip
    return BartBackbone(model, ByT5Tokenizer(), "bart")


def their_name(key):
    """The reference's name of one of our tensors."""
    method, _, part = key.part.partition(".")
    if method == "prompt":
        module, _, kind = part.rpartition(".")
        return f"param/model.encoder.visual_embedding.{PROMPT[module]}.{kind}"
    stack, layer, block = key.owner.site_scope.split(".")
    half, kind = part.split(".")
    return f"param/model.{stack}.layers.{layer}.{ADAPTERS[stack][block]}.adapters.vqa.{half}_sampler.{kind}"


@pytest.fixture(scope="module")
def model(arrays):
    trunk, encoder = backbone(arrays), StoredTokens()
    graft = Graft(tuple(REDUCTIONS), Bank(0))
    blocks = tuple(site for site in trunk.sites() if site.kind == "block")
    adapter = Bottleneck(BottleneckOptions(kind="bottleneck", width=4))
    add_method(graft, Method("bottleneck", adapter, blocks, Single()))
    options = LinearOptions(kind="linear", tokens=4, boxes="zero", position="words")
    shape = PromptShape(encoder.width, encoder.tokens, trunk.width, trunk.norm, trunk.word_table())
    with torch.device("meta"):
        generator = LinearPrompt(options, shape)
    prompt = add_module(graft, "prompt", generator, ModuleParts(generator.initial), Single())
    graft.bank.allocate(torch.device("cpu"))
    for key, value in graft.bank.trained().items():
        assert value.shape == arrays[their_name(key)].shape
        value.data = arrays[their_name(key)]
    objectives = {
        task: [TaskObjective("generation", Generation(GenerationOptions(kind="generation", reduction=reduction)))]
        for task, reduction in REDUCTIONS.items()
    }
    placed = [PlacedPrompt(prompt, trunk.entrance, graft.bank)]
    return Model(trunk, {"visual": encoder}, graft, objectives, {}, placed)


@pytest.fixture(scope="module")
def batch(arrays):
    """All three rows of the reference as one task's batch."""

    def make(task):
        rows, two = len(arrays["in/input_ids"]), task == "nlvr"
        features = arrays["in/nlvr_feats"] if two else arrays["in/vis_feats"][:, None]
        targets = arrays["in/nlvr_labels"] if two else arrays["in/labels"]
        weights = arrays["in/scores"].tolist() if task == "vqa" else [1.0] * rows
        made = []
        for number, (text, target) in enumerate(zip(arrays["in/input_ids"], targets, strict=True)):
            media = Media(
                "image", "visual", None, np.zeros(len(features[number]), np.float32), features[number].numpy()
            )
            pair = TextPair("", "", weights[number])
            sample = Sample(task, Annotation(id="1", task=task), pair, (media,), "")
            target = target[target != -100]
            made.append(Row(sample, {"text": TextRow(text[text != 1]), "target": TextRow(target, labels=target)}))
        return collate(made, [task])

    return make


def test_every_trained_tensor_has_its_place(model, arrays):
    ours = {their_name(key) for key in model.graft.bank.trained()}
    theirs = {name for name in arrays if "adapter" in name or "visual_embedding" in name}
    assert ours == theirs


def test_encoder_states(model, batch, arrays):
    one = batch("vqa")
    encoded = model.run(one, training=False)["vqa"].states("encoder")
    kept = torch.cat([one.texts["text"].mask, torch.ones(3, 4).bool()], 1)
    torch.testing.assert_close(encoded.states[kept], arrays["out/vqa/encoder_last_hidden"][kept], atol=1e-4, rtol=1e-4)
    assert torch.equal(encoded.mask, kept)


def test_logits_and_losses_of_tokens(model, batch, arrays):
    one = batch("vqa")
    outputs = model.run(one, training=False)["vqa"]
    logits = outputs.logits(outputs.hidden())
    kept = one.texts["target"].ids != -100
    torch.testing.assert_close(logits[kept], arrays["out/vqa/logits"][kept], atol=1e-4, rtol=1e-4)
    losses = torch.nn.functional.cross_entropy(logits[kept], one.texts["target"].ids[kept], reduction="none")
    torch.testing.assert_close(losses, arrays["out/vqa/token_loss"].view(3, 4)[kept], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("task", REDUCTIONS)
def test_losses(model, batch, arrays, task):
    (loss,) = model.losses(batch(task), training=False)[task]
    torch.testing.assert_close(loss.sum / loss.denominator, arrays[f"loss/{task}"], atol=1e-4, rtol=1e-4)


def test_greedy_outputs(model, batch, arrays):
    one = batch("vqa")
    intercept = make_interceptor(model.graft, one.segments, training=False)
    ours = greedy(
        model.passes(one, False).of(View(), ("decoder", "beginning"))[0].beginning, intercept, Decoding(max_tokens=11)
    )
    assert ours.tolist() == arrays["gen/greedy12"][:, 1:].tolist()
