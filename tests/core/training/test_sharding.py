"""`train.shard`: two processes that hold half of every layer train as two that hold all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from multigraft.core.errors import OptionError

FOUR = (
    "train.steps=4", "train.batch=4", "train.checkpoint_every=2", "eval.split=none",
    "train.optimizer={schedule: constant, warmup: 0, rate: 1.0e-3}",
)  # fmt: skip
T5 = ("trunk.backbone.architecture.dropout_rate=0",)
BART = (
    "trunk.backbone={kind: bart, weights: random, architecture: {vocab_size: 5000, d_model: 16, encoder_layers: 2, "
    "decoder_layers: 2, encoder_attention_heads: 2, decoder_attention_heads: 2, encoder_ffn_dim: 24, "
    "decoder_ffn_dim: 24, dropout: 0.0}}",
)
DECODER = (
    "trunk.backbone={kind: decoder, weights: random, architecture: {vocab_size: 5000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 24, "
    "max_position_embeddings: 300}}",
)
GPT2 = (
    "trunk.backbone={kind: decoder, weights: random, architecture: {model_type: gpt2, vocab_size: 5000, n_embd: 16, "
    "n_layer: 2, n_head: 4, n_inner: 24, n_positions: 300, embd_pdrop: 0.0, resid_pdrop: 0.0, attn_pdrop: 0.0}}",
)
RARE = ("train.sampler={kind: weights, weights: {vqa: 4, statements: 2, captions: 1, videos: 1}}",)
MIXED = (
    "tasks.statements.objective={kind: classification, labels: ['true', 'false']}",
    "tasks.statements.evaluator=classify", "tasks.vqa.weight=0",
    "train.batch=5", "train.micro_batch=2", "train.checkpointing=true",
)  # fmt: skip
CASES = {
    "t5": (
        *T5,
        *RARE,
        "eval.split=validation",
        "eval.every=2",
        "eval.limit=5",
        "eval.batch=2",
        "eval.controls=[untrained]",
    ),
    "t5-per-task": (*T5, *RARE, "graft.sharing=per-task"),
    "t5-mixed": (*T5, *MIXED),
    "t5-behind": (*T5, *RARE, "trunk.prompt.stack=decoder", "trunk.prompt.place=back"),
    "bart": (*BART, *RARE),
    "bart-per-task": (*BART, "graft.sharing=per-task", "eval.split=validation"),
    "bart-one-layer": (*BART, "graft.adapters=[{kind: bottleneck, width: 4, sites: {layer: [1]}}]", "graft.train={}"),
    "bart-mixed": (*BART, *MIXED),
    "decoder": (*DECODER, *RARE),
    "gpt2": (*GPT2, *RARE),
    "t5-encoder": (*T5, *RARE, "graft.train.encoder=true"),
}
SHARD = "train.shard=true"


@pytest.fixture(scope="module")
def runs(recipe_file, tmp_path_factory):
    """Runs of two processes: each case with and without sharding, one that was interrupted, and a step alone."""
    folder = tmp_path_factory.mktemp("runs")
    plan = {}
    for name, overrides in CASES.items():
        plan[name] = (str(recipe_file), [*FOUR, *overrides], "train")
        plan[f"{name}-sharded"] = (str(recipe_file), [*FOUR, *overrides, SHARD], "train")
    plan["resumed"] = (str(recipe_file), [*FOUR, *CASES["t5-mixed"], SHARD], "resume")
    plan["step"] = (str(recipe_file), [*FOUR, *T5, "train.batch=16", "graft.sharing=per-task", SHARD], "step")
    (folder / "plan.json").write_text(json.dumps(plan))
    worker = Path(__file__).with_name("sharding_worker.py")
    words = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(worker), str(folder / "plan.json")]
    outcome = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert outcome.returncode == 0, outcome.stderr
    return SimpleNamespace(folder=folder, outcome=outcome)


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    return [{name: value for name, value in row.items() if name.endswith("/loss")} for row in rows]


def results(folder):
    return json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("case", CASES)
def test_losses_and_tensors_are_those_without_sharding(case, runs):
    whole, sharded = runs.folder / case, runs.folder / f"{case}-sharded"
    assert sum(map(bool, losses(whole))) >= 4
    for ours, theirs in zip(losses(sharded), losses(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for path in (whole / "checkpoints" / "00000004").rglob("*.safetensors"):
        tensors, other = load_file(path), load_file(sharded / path.relative_to(whole))
        assert tensors.keys() == other.keys()
        for name, value in tensors.items():
            assert_close(other[name], value, atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("case", ["t5", "bart-per-task"])
def test_scores_are_those_without_sharding(case, runs):
    whole, sharded = results(runs.folder / case), results(runs.folder / f"{case}-sharded")
    assert len(whole["tasks"]) == 4
    assert sharded["tasks"] == whole["tasks"]
    assert sharded["controls"] == whole["controls"]


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(runs):
    straight, resumed = runs.folder / "t5-mixed-sharded", runs.folder / "resumed"
    paths = list((straight / "checkpoints" / "00000004").rglob("*.safetensors"))
    assert len(paths) > 2
    for path in paths:
        assert (resumed / path.relative_to(straight)).read_bytes() == path.read_bytes()


def test_a_process_with_rows_of_weight_0_alone_makes_the_passes_and_moves_nothing(runs):
    notes = [json.loads((runs.folder / "step" / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    assert notes[0]["losses"] == notes[1]["losses"]
    assert notes[0]["losses"]["vqa"] > 0
    assert [value for task, value in notes[0]["losses"].items() if task != "vqa"] == [0.0, 0.0, 0.0]
    assert notes[0]["moved"] == notes[1]["moved"] == ["shared", "task:vqa"]


def test_each_process_holds_half_of_the_layers(runs):
    first, second = (json.loads((runs.folder / "step" / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    assert first["before"] == first["after"]
    assert second["before"] == second["after"]
    assert first["before"]["here"] + second["before"]["here"] == first["before"]["shared out"]
    assert first["before"]["here"] == pytest.approx(first["before"]["shared out"] / 2, rel=0.02)
    tables = 300 * 16 + 2 * 32 * 2 + 2 * 16
    """Words, both stacks' tables of relative positions, and their last norms."""
    assert first["before"]["all"] - first["before"]["shared out"] == tables


def test_a_single_process_says_that_nothing_is_shared_out(train, tmp_path, capsys):
    train(tmp_path / "whole", *FOUR, *T5, "train.steps=1")
    assert "train.shard" not in capsys.readouterr().err
    train(tmp_path / "alone", *FOUR, *T5, "train.steps=1", SHARD)
    assert "`train.shard: true` does nothing in a single process" in capsys.readouterr().err
    assert losses(tmp_path / "alone") == losses(tmp_path / "whole")


def test_a_backbone_that_is_trained_in_place_is_refused(train, tmp_path):
    with pytest.raises(OptionError, match="only a frozen backbone can be sharded") as caught:
        train(tmp_path / "run", SHARD, "graft.train={backbone: true}", "graft.adapters=[]")
    assert caught.value.location == ("train", "shard")
