"""Layers whose projections are kept in 8 or 4 bits: close to the dense ones, smaller, and the same in every process."""

import subprocess
import sys

import pytest
import torch
from torch.nn.functional import linear

from multigraft.core.errors import OptionError
from multigraft.core.graft.count import count
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.projection import Projection, quantized_modules
from multigraft.core.registry.component import import_name
from multigraft.core.registry.registry import load_registry
from multigraft.core.trunk.passes import Passes, Texts

pytest.importorskip("bitsandbytes", reason="weights in few bits need bitsandbytes")

ARCHITECTURES = {
    "bart": {
        "vocab_size": 5000, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128,
    },
    "t5": {"vocab_size": 300, "d_model": 64, "d_kv": 32, "d_ff": 128, "num_layers": 2, "num_heads": 2,
           "decoder_start_token_id": 0},
    "bert": {"vocab_size": 5000, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 128},
    "decoder": {"vocab_size": 5000, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
                "num_key_value_heads": 1, "intermediate_size": 128, "max_position_embeddings": 300},
}  # fmt: skip
IDS = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 1, 1]])
TEXTS = Texts(IDS, torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool(), torch.tensor([[5, 6, 2], [9, 2, 8]]))
INT8_STEP = 1 / 127
"""Between neighbouring numbers, where the largest of a row is 1."""
NF4_STEP = 1 - 0.6961928
"""The widest between neighbours, where the largest of a block is 1 (QLoRA, appendix E)."""
BYTES = {8: 0.3, 4: 0.2}
FORMS = {8: "int8", 4: "nf4"}


def build(kind, bits=None):
    options = {"kind": kind, "weights": "random", "architecture": ARCHITECTURES[kind], "quantized": bits}
    registry = load_registry()
    config = import_name(registry.find("backbones", kind).component.config)
    return registry.build("backbones", config.model_validate(options))


def projections(backbone):
    return {
        site.name: backbone.model.get_submodule(site.module) for site in backbone.sites() if site.kind == "projection"
    }


@torch.no_grad()
def states(backbone):
    passes = Passes(backbone, TEXTS, NoGraft())
    return torch.cat([passes.output(stack).states.flatten() for stack in backbone.stacks])


def blocks(weight):
    """`(width_out, width_in)` to rows of 64 numbers that follow each other."""
    return weight.reshape(-1, 64)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_projections_of_the_layers_are_quantised_and_nothing_else(kind, bits):
    dense, quantized = build(kind), build(kind, bits)
    found = projections(quantized)
    assert {id(module) for module in found.values()} == {id(each) for each in quantized_modules(quantized)}
    assert count(quantized) == count(dense)
    small = sum(each.bytes for each in found.values())
    assert small <= BYTES[bits] * sum(each.weight.nbytes for each in projections(dense).values())
    rest = {name for name, _ in dense.named_parameters()} - {name for name, _ in quantized.named_parameters()}
    assert all(name.endswith(".weight") for name in rest)
    assert not any(parameter.requires_grad for parameter in quantized.parameters())


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_weights_are_within_half_a_step_of_the_dense_ones(kind):
    dense, eight, four = (projections(build(kind, bits)) for bits in (None, 8, 4))
    for name, module in dense.items():
        near = 0.5 * INT8_STEP * module.weight.abs().amax(1, keepdim=True) * 1.001
        assert ((eight[name].weight - module.weight).abs() <= near).all()
        assert not ((four[name].weight - module.weight).abs() <= near).all()
        far = 0.5 * NF4_STEP * blocks(module.weight).abs().amax(1, keepdim=True) * 1.001
        assert (blocks(four[name].weight - module.weight).abs() <= far).all()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_states_are_those_of_the_rounded_weights_and_near_the_dense_ones(kind):
    plain = states(build(kind))
    errors = {}
    for bits in (8, 4):
        dense, quantized = build(kind), build(kind, bits)
        for name, module in projections(dense).items():
            Projection(module).replace(projections(quantized)[name].weight, module.bias)
        found = states(quantized)
        torch.testing.assert_close(found, states(dense), atol=1e-5, rtol=1e-5)
        errors[bits] = ((found - plain).norm() / plain.norm()).item()
    assert 0 < errors[8] < 0.02
    assert 5 * errors[8] < errors[4] < 0.3


@pytest.mark.parametrize("bits", [8, 4])
def test_the_gradient_of_the_input_and_of_another_bias(bits):
    projection = Projection(projections(build("bart", bits))["encoder.0.feed-forward.up"])
    x, bias = torch.randn(2, 3, 64, requires_grad=True), torch.randn(128, requires_grad=True)
    pull = torch.randn(2, 3, 128)
    for given in (None, bias):
        want = linear(x, projection.weight, projection.bias if given is None else given)
        got = projection(x, given)
        torch.testing.assert_close(got, want)
        wanted = (x,) if given is None else (x, given)
        expected = torch.autograd.grad((want * pull).sum(), wanted)
        torch.testing.assert_close(torch.autograd.grad((got * pull).sum(), wanted), expected)


def test_nothing_dense_is_kept_for_the_backward_pass():
    projection = Projection(projections(build("bart", 4))["encoder.0.feed-forward.up"])
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape), lambda shape: None):
        projection(torch.randn(2, 3, 64, requires_grad=True))
    assert (128, 64) not in kept
    assert (64, 128) not in kept


@pytest.mark.parametrize("bits", [8, 4])
def test_under_autocast_it_computes_in_bfloat16(bits):
    projection = Projection(projections(build("bart", bits))["encoder.0.feed-forward.up"])
    x = torch.randn(2, 3, 64, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        output = projection(x)
    assert output.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(output.float().sum(), x)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient, projection.weight.sum(0).expand_as(x), atol=0.02, rtol=0.02)


def test_fingerprints_name_the_form_and_are_the_same_in_every_process():
    prints = {bits: build("bart", bits).fingerprint() for bits in (None, 8, 4)}
    assert len({text.partition("|")[0] for text in prints.values()}) == 3
    assert {bits: text.partition("|")[2] for bits, text in prints.items()} == {None: "", 8: "int8", 4: "nf4"}
    for bits in (8, 4):
        program = (
            "import sys, pathlib; sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent)); "
            f"import test_quantized; print(test_quantized.build('bart', {bits}).fingerprint())"
        )
        told = subprocess.run([sys.executable, "-c", program, __file__], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == prints[bits]


@pytest.mark.parametrize("bits", [8, 4])
def test_on_the_meta_device_tensors_have_the_same_shapes_and_types(bits):
    with torch.device("meta"):
        planned = build("t5", bits)
    made = build("t5", bits)
    forms = [
        {name: (value.shape, value.dtype) for name, value in each.model.state_dict().items()}
        for each in (planned, made)
    ]
    assert forms[0] == forms[1]
    assert planned.fingerprint() == f"t5:meta|{FORMS[bits]}"
    assert count(planned) == count(made)


def test_a_quantised_weight_cannot_be_written_over():
    projection = Projection(projections(build("t5", 8))["encoder.0.feed-forward.up"])
    with pytest.raises(ValueError, match=r"a quantised weight \(int8\) cannot be written over"):
        projection.replace(projection.weight, None)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_without_the_package_it_is_said_what_brings_it(device, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with torch.device(device), pytest.raises(OptionError, match="weights in 4 bits need bitsandbytes") as caught:
        build("t5", 4)
    assert caught.value.location == ("quantized",)
    assert caught.value.hint == "pip install 'multigraft[quantized]'"
