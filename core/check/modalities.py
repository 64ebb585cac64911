"""The checks of encoders, inputs and prompt generators against each other, by modality."""

from collections.abc import Iterator

from multigraft.core.check.subject import Subject
from multigraft.core.data.modalities import no_encoder, prepared
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.model.build import build_prompt
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.prompts import prompts_of
from multigraft.core.registry.inputs import build_input


def inputs(subject: Subject) -> Iterator[Problem]:
    """Each encoder has an input that makes what it wants; an input without an encoder is noted."""
    if subject.trunk is None or not subject.trunk.encoders:
        return
    built: list[Input] = [build_input(subject.registry, each) for each in subject.recipe.inputs]
    preparations = subject.trunk.preparations
    for modality, wanted in preparations.items():
        place = ("trunk", *subject.recipe.trunk.place(modality))
        if all(each.modality != modality for each in built):
            known = ", ".join(dict.fromkeys(each.modality for each in built)) or "nothing"
            message = f"no input reads {modality} media; those given read {known}"
            yield subject.document.problem(place, message, "name one in `inputs`")
        try:
            prepared(built, {modality: wanted})
        except MultigraftError as error:
            yield subject.document.problem(place, str(error))
    for number, each in enumerate(built):
        if each.modality not in preparations:
            told = f"`inputs.{number}` ({each.kind}) is not used: {no_encoder(each.modality, preparations)}"
            subject.notes.append(told)


def unused_prompt_options(subject: Subject) -> Iterator[Problem]:
    """Note values of prompt generators that change nothing for the media that the recipe's inputs give."""
    if subject.trunk is None or subject.summary is None:
        return
    readers: list[Input] = [build_input(subject.registry, each) for each in subject.recipe.inputs]
    for prompt in prompts_of(subject.recipe):
        options = prompt.options
        kinds = list(dict.fromkeys(each.kind for each in readers if each.modality == options.modality))
        if options.reads_media and kinds:
            generator = build_prompt(prompt, subject.registry, subject.trunk)
            of = " and ".join(f"{kind}s" for kind in kinds)
            for name in generator.unused(kinds):
                value, default = getattr(options, name), type(options).model_fields[name].get_default()
                if value != default:
                    subject.notes.append(
                        f"`{prompt.written}.{name}: {value}` has no effect on {of} as the encoder gives them"
                    )
    yield from ()
