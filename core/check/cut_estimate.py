"""How many of a task's texts its limits would cut, guessed from a few annotations drawn evenly."""

from collections import Counter
from collections.abc import Mapping

from multigraft.core.data.cutting import CUT_KINDS
from multigraft.core.data.excerpt import excerpt
from multigraft.core.data.source import TaskSource
from multigraft.core.data.tokens import tokenize_inputs, tokenize_targets
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.recipe.splits import TRAIN
from multigraft.core.run.run_data import RunData
from multigraft.core.types.sample import TextPair


def estimate_cuts(data: RunData, writing: Mapping[str, Backbone]) -> dict[str, dict[str, int]]:
    """`{TASK: {"n": looked at, "any": cut, "context": ..., "choices": ..., "question": ..., "target": ...}}`."""
    return {name: _of_task(data.source(name, TRAIN), writing[name]) for name in data.recipe.tasks}


def _of_task(source: TaskSource, backbone: Backbone) -> dict[str, int]:
    examples = _examples(source)
    if not examples:
        return dict.fromkeys(("n", "any", *CUT_KINDS), 0)
    _, _, inputs = tokenize_inputs(backbone, examples, source.options.text_limit)
    _, targets = tokenize_targets(backbone, [each.target for each in examples], source.options.target_limit)
    cut = [first | second for first, second in zip(inputs, targets, strict=True)]
    counts = Counter(name for each in cut for name in each)
    return {"n": len(cut), "any": sum(map(bool, cut)), **{name: counts[name] for name in CUT_KINDS}}


def _examples(source: TaskSource) -> list[TextPair]:
    examples = []
    for annotation in excerpt(source):
        try:
            example = source.task.example(annotation, None)
        except BadSample:
            continue
        examples.append(example.with_prefix(source.options.prefix))
    return examples
