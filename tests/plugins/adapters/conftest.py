"""Small trunks in double precision, and grafts over them whose tensors are at their start or moved by noise."""

from types import SimpleNamespace

import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, ByT5Tokenizer, T5Config, T5ForConditionalGeneration

from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.graft.select import select
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.plugins.backbones.bart import BartBackbone
from multigraft.plugins.backbones.t5 import T5Backbone
from multigraft.plugins.sharing.per_task import PerTask

TASKS = ("vqa", "captions")
COMMON = {"vocab_size": 60, "d_model": 16}
BART = {
    "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 30, "forced_eos_token_id": None,
}  # fmt: skip
T5 = {"d_kv": 6, "d_ff": 24, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}


def loud(model):
    """Large random weights, so that attention is far from even."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return model.eval()


def bart():
    return BartBackbone(loud(BartForConditionalGeneration(BartConfig(**COMMON, **BART))), ByT5Tokenizer(), "bart")


def t5():
    return T5Backbone(loud(T5ForConditionalGeneration(T5Config(**COMMON, **T5))), ByT5Tokenizer())


@pytest.fixture(params=["bart", "t5"])
def backbone(request):
    return {"bart": bart, "t5": t5}[request.param]().double()


def grafted(backbone, adapter, options=None, noise=0.0, sharing=None):
    """A graft of both tasks with an adapter at the sites that its options choose."""
    kinds = adapter.kinds if isinstance(adapter, Adapter) else ("attention",)
    wanted = {name: values for name, values in options.sites if values is not None} if options else {}
    sites = select([site for site in backbone.sites() if site.kind in kinds], wanted)
    graft = Graft(TASKS, Bank(0))
    add_method(graft, Method("method", adapter, tuple(sites), sharing or PerTask()))
    graft.bank.allocate(torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    for value in graft.bank.trained().values():
        value.data = value.data.double() + noise * torch.randn(value.shape, generator=generator, dtype=torch.float64)
    return graft


IDS = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 1, 1], [11, 12, 13, 14, 1]])
MASK = IDS != 1
TARGETS = torch.tensor([[5, 6, 7, 9], [9, 2, 8, 4], [3, 3, 5, 7]])
SEGMENTS = (Segment("vqa", 0, 2), Segment("captions", 2, 3))


def passes(backbone, intercept=None, rows=slice(None)):
    return Passes(backbone, Texts(IDS[rows], MASK[rows], TARGETS[rows]), intercept or NoGraft())


def states(backbone, intercept=None, rows=slice(None)):
    """Of the real text tokens, and the states that predict the targets, in one flat list."""
    run = passes(backbone, intercept, rows)
    return torch.cat([run.output("encoder").states[MASK[rows]].flatten(), run.target_states().flatten()])


@pytest.fixture(scope="session")
def small():
    """What the tests above need."""
    return SimpleNamespace(
        grafted=grafted, passes=passes, states=states, ids=IDS, mask=MASK, targets=TARGETS, segments=SEGMENTS,
        intercept=lambda graft, segments=SEGMENTS, training=False: make_interceptor(graft, segments, training),
    )  # fmt: skip
