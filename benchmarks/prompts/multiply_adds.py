"""Multiply-adds of a language model under each way to show it a picture, and the time of a pass and of a step.

`python benchmarks/prompts/multiply_adds.py` counts on BERT-base and T5-base shapes with torch's FlopCounterMode,
measures with random weights (batches of 8, texts of 16 tokens, 197 visual tokens of width 768), all ways in turn in
each of 5 rounds, and writes multiply_adds.md beside this file. A step is a pass with gradients and the backward pass to
what the generator makes; the encoder is not run, and counted beside.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ByT5Tokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
    T5Config,
    T5ForConditionalGeneration,
)

from multigraft import Backbone, MediaTokens, NoGraft, PromptGenerator, PromptShape, TokenLayout, load_registry
from multigraft.core.interfaces.stack import Insert
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.plugins.backbones.bert import BertBackbone
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer
from multigraft.plugins.backbones.t5 import T5Backbone
from multigraft.stacks import Tokens

ROWS, TEXT, VISUAL, WIDTH, LAYERS, ROUNDS = 8, 16, 197, 768, 12, 5
LINEAR = {"kind": "linear", "tokens": 196}
RESAMPLER = {"kind": "resampler", "tokens": 16, "heads": 12}
DYNAMIC = {"kind": "dynamic", "heads": 12, "item_codes": 0}


@dataclass
class Way:
    """A generator, and where its tokens join."""

    name: str
    prompt: dict[str, object]
    stack: str
    layer: int | str
    place: str


def bert() -> Backbone:
    return BertBackbone(BertForMaskedLM(BertConfig(vocab_size=30522)), sapling_tokenizer())


def t5() -> Backbone:
    config = T5Config(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12, decoder_start_token_id=0)
    return T5Backbone(T5ForConditionalGeneration(config), ByT5Tokenizer())


def ways(stack: str, own: str, place: str) -> list[Way]:
    return [
        Way("all 197 tokens", LINEAR, stack, "embedding", place),
        Way("16 tokens of a resampler", RESAMPLER, stack, "embedding", place),
        *(Way(f"dynamic, K = {layer}", DYNAMIC, own, layer, "front") for layer in range(LAYERS)),
    ]


MODELS: dict[str, tuple[Callable[[], Backbone], list[Way]]] = {
    "BERT-base": (bert, ways("encoder", "encoder", "front")),
    "T5-base": (t5, ways("encoder", "decoder", "back")),
}


def generator(way: Way, backbone: Backbone) -> PromptGenerator:
    registry = load_registry()
    kind = str(way.prompt["kind"])
    options = registry.options("prompt_generators", kind).model_validate(way.prompt, context={"registry": registry})
    layout = TokenLayout(VISUAL, 1, (14, 14))
    shape = PromptShape(WIDTH, VISUAL, backbone.width, backbone.norm, backbone.word_table(), layout,
                        "first" if backbone.summary == "first" else "mean")  # fmt: skip
    made: PromptGenerator = registry.build("prompt_generators", options, shape=shape)
    return made


class Case:
    """What is run: a text and the media through a backbone with a generator."""

    def __init__(self, way: Way, backbone: Backbone, device: str) -> None:
        self.way, self.backbone, self.generator = way, backbone, generator(way, backbone).to(device)
        layout = TokenLayout(VISUAL, 1, (14, 14))
        ones = torch.ones(ROWS, 1, device=device)
        features = torch.randn(ROWS, 1, VISUAL, WIDTH, device=device)
        self.media = MediaTokens(features, ones.bool(), ones, "image", layout)
        ids = torch.randint(5, 250, (ROWS, TEXT), device=device)
        self.texts = Texts(ids, torch.ones_like(ids).bool(), ids[:, :1])

    def run(self) -> Tensor:
        insert = Insert(self.way.stack, self.way.layer, self.way.place, self._make)  # type: ignore[arg-type]
        passes = Passes(self.backbone, self.texts, NoGraft(), [insert])
        if self.backbone.predicts is None:
            return passes.summary()
        return passes.target_states()[:, -1]

    def _make(self, text: Tokens) -> Tokens:
        made: Tokens = self.generator(self.media, text)
        return made

    def step(self) -> None:
        self.run().sum().backward()  # type: ignore[no-untyped-call]
        self.generator.zero_grad(set_to_none=True)


def counted(run: Callable[[], object]) -> float:
    """Multiply-adds, in billions a row."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        run()
    return counter.get_total_flops() / 2 / ROWS / 1e9


def counts(make: Callable[[], Backbone], way: Way) -> tuple[float, float]:
    """Of the backbone, and of the generator."""
    with torch.device("meta"):
        case = Case(way, make(), "meta")
        case.generator.requires_grad_(False)
        whole = counted(case.run)
        text = Tokens(torch.randn(ROWS, TEXT, case.backbone.width))
        own = counted(lambda: case.generator(case.media, text))
    return whole - own, own


def encoder_count() -> float:
    with torch.device("meta"):
        model = CLIPVisionModel(CLIPVisionConfig(patch_size=16)).eval()
        pixels = torch.randn(ROWS, 3, 224, 224)
        return counted(lambda: model(pixel_values=pixels))


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measured(cases: Sequence[Case]) -> list[tuple[float, float]]:
    """Median seconds of a pass and of a step of each, over rounds in which all take turns."""
    passes: list[list[float]] = [[] for _ in cases]
    steps: list[list[float]] = [[] for _ in cases]
    for around in range(ROUNDS + 1):
        for number, case in enumerate(cases):
            with torch.no_grad():
                one = seconds(case.run)
            both = one, seconds(case.step)
            if around:
                passes[number].append(both[0])
                steps[number].append(both[1])
    return [(median(a), median(b)) for a, b in zip(passes, steps, strict=True)]


def table(name: str, encoder: float) -> list[str]:
    make, every = MODELS[name]
    found = [counts(make, way) for way in every]
    torch.manual_seed(0)
    backbone = make()
    times = measured([Case(way, backbone, "cpu") for way in every])
    columns = (
        "way",
        "language model, G",
        "to all tokens",
        "generator, G",
        "with the encoder, of all tokens",
        "pass",
        "step",
    )
    lines = [f"## {name}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    first, whole = found[0][0], sum(found[0]) + encoder
    for way, (own, making), (a, b) in zip(every, found, times, strict=True):
        shares = f"{own / first - 1:+.1%}", f"{(own + making + encoder) / whole - 1:+.1%}"
        ratios = f"{a / times[0][0]:.3f} | {b / times[0][1]:.3f}"
        lines.append(f"| {way.name} | {own:.2f} | {shares[0]} | {making:.2f} | {shares[1]} | {ratios} |")
    return [*lines, ""]


def main() -> None:
    encoder = encoder_count()
    told = f"Billions of multiply-adds of a row; the encoder, CLIP ViT-B/16, has {encoder:.1f}."
    lines = [told, "The times of a pass and of a step are ratios to those of all tokens, in the same run.", ""]
    for name in MODELS:
        lines += table(name, encoder)
        print("\n".join(lines), flush=True)
    Path(__file__).with_name("multiply_adds.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
