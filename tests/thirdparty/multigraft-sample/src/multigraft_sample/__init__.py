"""A plugin of multigraft with one component of every kind: hook implementations only, nothing heavy imported."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from multigraft import Command, Component, RecipeFolder, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from multigraft import Run

_OPTIONS = "multigraft_sample.options"


@hookimpl
def register_visual_encoders() -> Iterable[Component]:
    """Colours of patches."""
    yield Component("patch-colours", f"{_OPTIONS}:PatchColoursOptions", "multigraft_sample.patch_colours:build")


@hookimpl
def register_encoders() -> Iterable[Component]:
    """Tunes."""
    yield Component("note-table", f"{_OPTIONS}:NoteTableOptions", "multigraft_sample.note_table:build")


@hookimpl
def register_backbones() -> Iterable[Component]:
    """A decoder over bytes."""
    yield Component("byte-decoder", f"{_OPTIONS}:ByteDecoderOptions", "multigraft_sample.byte_decoder:build")


@hookimpl
def register_prompt_generators() -> Iterable[Component]:
    """A token for each medium."""
    yield Component("mean-token", f"{_OPTIONS}:MeanTokenOptions", "multigraft_sample.mean_token:build")


@hookimpl
def register_adapters() -> Iterable[Component]:
    """A learned factor for each channel."""
    yield Component("channel-scale", f"{_OPTIONS}:ChannelScaleOptions", "multigraft_sample.channel_scale:build")


@hookimpl
def register_sharing() -> Iterable[Component]:
    """Tasks share by the first letter of their names."""
    options = f"{_OPTIONS}:FirstLetterGroupsOptions"
    yield Component("first-letter-groups", options, "multigraft_sample.first_letter_groups:build")


@hookimpl
def register_objectives() -> Iterable[Component]:
    """Whether words stand in their order."""
    yield Component("word-order", f"{_OPTIONS}:WordOrderOptions", "multigraft_sample.word_order:build")


@hookimpl
def register_evaluators() -> Iterable[Component]:
    """The likelier of two outputs."""
    yield Component("two-tries", f"{_OPTIONS}:TwoTriesOptions", "multigraft_sample.two_tries:build")


@hookimpl
def register_inputs() -> Iterable[Component]:
    """Tunes as text."""
    yield Component("notes", f"{_OPTIONS}:NotesOptions", "multigraft_sample.notes:build")


@hookimpl
def register_video_decoders() -> Iterable[Component]:
    """Pictures one by one."""
    yield Component("motion-jpeg", f"{_OPTIONS}:MotionJpegOptions", "multigraft_sample.motion_jpeg:build")


@hookimpl
def register_tasks() -> Iterable[Component]:
    """The colour of an image."""
    yield Component("image-colour", f"{_OPTIONS}:ImageColourOptions", "multigraft_sample.image_colour:build")


@hookimpl
def register_metrics() -> Iterable[Component]:
    """How long outputs are."""
    yield Component("length-ratio", f"{_OPTIONS}:LengthRatioOptions", "multigraft_sample.length_ratio:build")


@hookimpl
def register_samplers() -> Iterable[Component]:
    """The first task alone for a while."""
    yield Component("first-alone", f"{_OPTIONS}:FirstAloneOptions", "multigraft_sample.first_alone:build")


@hookimpl
def register_search_strategies() -> Iterable[Component]:
    """The best so far."""
    yield Component("greedy", f"{_OPTIONS}:GreedyOptions", "multigraft_sample.greedy:build")


@hookimpl
def register_sources() -> Iterable[Component]:
    """Questions in lines of text."""
    yield Component("question-lines", f"{_OPTIONS}:QuestionLinesOptions", "multigraft_sample.question_lines:build")


@hookimpl
def register_answer_formats() -> Iterable[Component]:
    """Lines of ids and answers."""
    yield Component("plain-lines", f"{_OPTIONS}:PlainLinesOptions", "multigraft_sample.plain_lines:build")


@hookimpl
def register_engines() -> Iterable[Component]:
    """Threads."""
    yield Component("threads", f"{_OPTIONS}:ThreadsOptions", "multigraft_sample.threads:build")


@hookimpl
def register_loggers() -> Iterable[Component]:
    """The newest scalars."""
    yield Component("newest", f"{_OPTIONS}:NewestOptions", "multigraft_sample.newest:build")


@hookimpl
def register_recipes() -> Iterable[RecipeFolder]:
    """`sample`, which uses all of them."""
    yield RecipeFolder("multigraft_sample.recipes")


@hookimpl
def register_commands() -> Iterable[Command]:
    """`multigraft data sample`."""
    yield Command(("data", "sample"), "multigraft_sample.command:sample", "Make coloured pictures and tunes")


@hookimpl
def loss_computed(run: "Run", losses: "Mapping[str, Tensor]") -> "Tensor | None":
    """In runs that require this plugin, tasks with a higher loss count for more."""
    if "sample" not in run.recipe.plugins.require:
        return None
    return sum(loss * loss.detach() for loss in losses.values())
