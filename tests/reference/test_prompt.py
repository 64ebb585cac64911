"""A prompt made by two linear layers gives the reference's tokens, the same for every row and task that shares it."""

from torch import nn

from multigraft.core.interfaces.prompt import PromptShape
from multigraft.plugins.prompts.learned import LearnedPrompt, build
from multigraft.plugins.prompts.options import LearnedOptions

NAMES = {
    "table.weight": "0.weight", "project.0.weight": "1.weight", "project.0.bias": "1.bias",
    "project.2.weight": "3.weight", "project.2.bias": "3.bias",
}  # fmt: skip


def test_tokens_of_a_prompt(vectors, close):
    arrays = vectors("prompt_single")
    options = LearnedOptions(kind="learned", tokens=5, hidden=20)
    prompt = build(options, PromptShape(0, 0, 16, nn.LayerNorm)).double()
    assert isinstance(prompt, LearnedPrompt)
    theirs = {ours: arrays[f"param/prompts.vqa.prefix_embedding.{name}"] for ours, name in NAMES.items()}
    prompt.load_state_dict(theirs)
    for task in ("vqa", "gqa", "nlvr", "caption"):
        close(prompt(None, None).states.expand(2, -1, -1), arrays[f"out/{task}"])
