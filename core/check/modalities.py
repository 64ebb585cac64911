"""The check of encoders and inputs against each other, by modality."""

from collections.abc import Iterator

from multigraft.core.check.subject import Subject
from multigraft.core.data.modalities import no_encoder, prepared
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.input import Input
from multigraft.core.recipe.problems import Problem


def inputs(subject: Subject) -> Iterator[Problem]:
    """Each encoder has an input that makes what it wants; an input without an encoder is noted."""
    if subject.trunk is None or not subject.trunk.encoders:
        return
    built: list[Input] = [subject.registry.build("inputs", each) for each in subject.recipe.inputs]
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
