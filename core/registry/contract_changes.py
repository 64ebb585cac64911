"""What became of each contract since older entry-point groups, for the authors of plugins that were made for these."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One name of a contract, and what stands in its place."""

    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.before} -> {self.now}"


CHANGES: Mapping[str, Mapping[str, tuple[Change, ...]]] = {
    "multigraft.v1": {
        "register_visual_encoders": (
            Change("VisualEncoder", "VisualEncoder, an Encoder; forward, transform and the hook stay"),
            Change("encode, preparation", "given by VisualEncoder: its forward, and its transform"),
            Change("encoders of anything but pictures and frames", "Encoder, by the hook register_encoders"),
        ),
        "register_prompt_generators": (
            Change("VisualTokens", "MediaTokens"),
            Change("VisualTokens.mask (rows, pictures)", "MediaTokens.mask (rows, items), real (rows, items, tokens)"),
            Change("the encoder", "the encoder of the option `modality`, by default `visual`"),
        ),
        "register_objectives": (
            Change("options that subclass Options", "ObjectiveOptions (weight, sharing)"),
            Change("Objective.reads", "Objective.needs: Need(what, view) of a text, values and media"),
            Change("Objective.make_head(width)", "Objective.modules(shapes), heads by name"),
            Change("TaskOutputs.head(x)", "TaskOutputs.module(name, x)"),
            Change("Objective.prepare(rows, generator)", "Objective.prepare(row, draw, vocabulary), on the host"),
            Change("Objective.denominator(rows: TaskBatch)", "Objective.denominator(rows: Sequence[Row])"),
            Change("Objective.loss, a Tensor", "Objective.loss, a Loss(sum, parts, append)"),
            Change("Objective.answer", "an Evaluator, by the hook register_evaluators"),
            Change("TaskBatch.samples, text_ids, text_mask, target_ids", "TaskBatch.rows, and texts by name"),
        ),
        "register_inputs": (
            Change("Input.decode(data, transform, span)", "Input.decode(data, preparation, span)"),
            Change("Media.frames", "Media.arrays, with Media.modality"),
            Change("the visual encoder reads it", "Input.modality, by default `visual`"),
        ),
        "register_tasks": (
            Change("the option objective, one", "the option objective, one or a list of ObjectiveOptions"),
            Change("the option decoding", "the option evaluator: {kind: generate, beams, max_tokens, length_penalty}"),
            Change("decoding.candidates: choices", "evaluator: choices"),
        ),
        "batch_loaded": (
            Change("Batch.visuals, of Visual", "Batch.media, of MediaItems"),
            Change("Visual.pixels", "MediaItems.arrays"),
            Change("Batch.text_ids, text_mask, target_ids", "Batch.texts by name: ids, mask, labels and their places"),
            Change("Batch.samples, cut", "Batch.rows; samples and cut are read off them"),
        ),
    }
}
"""By group and hook. A hook that is not named has the contract that it had."""


def changes_since(group: str) -> dict[str, tuple[str, ...]]:
    """The changes since a group, by hook.

    A group that is newer than this multigraft, or older than what is named, has none.
    """
    hooks = CHANGES.get(group, {})
    return {hook: tuple(map(str, changes)) for hook, changes in hooks.items()}
