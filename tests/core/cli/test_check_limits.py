"""`check` holds limits against the backbone, and tells how many texts they cut."""

import json
import tarfile
from io import BytesIO

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer
from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

RECIPE = """\
trunk: {backbone: sapling}
tasks:
  choice:
    kind: multiple-choice-video-question-answering
    data: [choice-*.tar]
    text_limit: LIMIT
    target_limit: 8
graft: {adapters: [bottleneck]}
train: {steps: 3, batch: 4}
"""
CHOICES = ("the red box on the left", "the blue box on the right", "none of the two")


@pytest.fixture
def folder(tmp_path):
    """300 questions, every third of them with subtitles of 100 words, one with a long answer."""
    with ShardWriter(tmp_path, "choice", 100) as writer:
        for number in range(300):
            context = "" if number % 3 else " ".join(f"word{each}" for each in range(100))
            annotation = Annotation(
                id=str(number), task="choice", text="what is seen?", choices=CHOICES, context=context,
                answers=(ScoredAnswer(text=CHOICES[number % 2 and 2]),),
            )  # fmt: skip
            writer.write(f"k{number}", Record(id=str(number), annotations=(annotation,)), {})
    return tmp_path


@pytest.fixture
def check(run, folder):
    """What `check` says of the recipe above."""

    def answer(limit, *overrides):
        (folder / "recipe.yaml").write_text(RECIPE.replace("LIMIT", str(limit)))
        return run("check", "recipe.yaml", *(word for one in overrides for word in ("--set", one)))

    return answer


@pytest.mark.parametrize(
    ("override", "path", "message"),
    [
        ("tasks.choice.text_limit=600", "text_limit", "600 tokens, and the backbone has positions for 256"),
        ("tasks.choice.target_limit=257", "target_limit", "257 tokens, and the backbone has positions for 256"),
        (
            "tasks.choice.evaluator={kind: generate, max_tokens: 300}",
            "evaluator.max_tokens", "300 tokens, and the backbone has positions",
        ),
        ("tasks.choice.text_limit=4", "text_limit", "4 tokens, and the prefix, which is never cut, has"),
    ],
)  # fmt: skip
def test_a_limit_that_does_not_fit_the_backbone(check, override, path, message):
    outcome = check(160, override)
    assert outcome.exit_code == 2
    wanted = f"command line: tasks.choice.{path}: {message}"
    assert any(line.startswith(wanted) for line in outcome.stderr.splitlines())


def test_the_place_of_a_limit(check):
    outcome = check(600)
    wanted = "recipe.yaml:6:17: tasks.choice.text_limit: 600 tokens"
    assert any(line.startswith(wanted) for line in outcome.stderr.splitlines())


def test_a_backbone_without_positions_takes_any_limit(check):
    backbone = (
        "trunk.backbone={kind: t5, weights: random, architecture: "
        "{vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2, decoder_start_token_id: 0}}"
    )
    assert check(3000, backbone).exit_code == 0


@pytest.mark.parametrize(("room", "exit_code"), [(160 + 4 + 7, 0), (160 + 4 + 6, 2)])
def test_prompts_texts_and_targets_have_places_in_one_sequence(check, room, exit_code):
    """The last token of a target is not read."""
    architecture = f"{{model_type: gpt2, vocab_size: 5000, n_embd: 16, n_layer: 1, n_head: 2, n_positions: {room}}}"
    trunk = (
        f"trunk={{backbone: {{kind: decoder, weights: random, architecture: {architecture}}}, "
        "prompt: {kind: learned, tokens: 4}}"
    )
    outcome = check(160, trunk)
    assert outcome.exit_code == exit_code
    if exit_code:
        wanted = "160 tokens, 4 of prompts and 7 of what is predicted, and there are 170 positions"
        assert f"tasks.choice.text_limit: {wanted}" in outcome.stderr
        assert "159 at most" in outcome.stderr


@pytest.mark.parametrize("texts", ["plain", "chat"])
def test_a_chat_template_takes_tokens_of_a_limit_as_the_prefix_does(check, folder, texts):
    """The template has 5 words around a text, and the plain text one token that begins it."""
    tokenizer = sapling_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    tokenizer.chat_template = (
        "{% for each in messages %}<|turn|><|turn|>{{ each['content'] }}<|turn|>{% endfor %}"
        "{% if add_generation_prompt %}<|turn|><|turn|>{% endif %}"
    )
    tokenizer.save_pretrained(folder / "talker")
    trunk = (
        f"trunk={{backbone: {{kind: decoder, weights: random, texts: {texts}, tokenizer: 'path:{folder / 'talker'}', "
        "architecture: {vocab_size: 5000, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, "
        "intermediate_size: 24, eos_token_id: 2}}}"
    )
    prefix = len(tokenizer("Answer the question:", add_special_tokens=False)["input_ids"])
    around = {"plain": 1, "chat": 5}[texts]
    options = (trunk, "tasks.choice.prefix='Answer the question:'")
    assert check(prefix + around, *options).exit_code == 0
    outcome = check(prefix + around - 1, *options)
    wanted = f"the prefix, which is never cut, has {prefix + around} with the special ones"
    assert outcome.exit_code == 2
    assert wanted in outcome.stderr


def test_how_many_texts_are_cut_is_guessed_from_200_drawn_evenly(check, run):
    outcome = check(120, "tasks.choice.target_limit=60")
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("limits cut")]
    counts = json.loads(run("check", "recipe.yaml", "--set", "tasks.choice.target_limit=60", "--json").stdout)["cut"]
    cut = counts["choice"]["context"]
    assert line == f"limits cut {cut} of 200 texts of choice: context {cut}"
    assert 55 <= cut <= 79  # a third of the annotations
    assert counts["choice"] == {"n": 200, "any": cut, "context": cut, "choices": 0, "question": 0, "target": 0}


def test_what_the_shards_hold_and_nobody_reads_is_said(check, folder):
    with tarfile.open(folder / "choice-000000.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo("stray.png"), BytesIO())
    outcome = check(160)
    assert outcome.exit_code == 0
    (note,) = [line for line in outcome.stderr.splitlines() if "1 x no question" in line]
    assert note.startswith("note: problems in the data of choice (")
    assert "choice-000000.tar#stray" in note


def test_training_counts_exactly_and_goes_on_counting(run, check, folder):
    check(24)
    options = ("--set", "train.checkpoint_every=1", "--set", "tasks.choice.target_limit=60")
    assert run("train", "recipe.yaml", "--run", "a", *options).exit_code == 0
    whole = json.loads((folder / "a" / "results.json").read_text())["cut"]["choice"]
    assert (whole["n"], whole["any"], whole["choices"], whole["target"]) == (12, 12, 12, 0)
    assert 0 < whole["context"] < 12
    assert run("train", "recipe.yaml", "--run", "b", *options, "--set", "train.steps=2").exit_code == 0
    assert run("train", "--resume", "b", "--set", "train.steps=3").exit_code == 0
    assert json.loads((folder / "b" / "results.json").read_text())["cut"]["choice"] == whole
