"""The prompt generators of a recipe: those of the trunk, and those that tasks have in place of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from multigraft.core.types.preparation import VISUAL

if TYPE_CHECKING:
    from multigraft.core.options.options import PromptOptions, TaskOptions

Place = tuple[str | int, ...]


class _Trunk(Protocol):
    @property
    def prompt(self) -> "Sequence[PromptOptions]": ...

    @property
    def modalities(self) -> Collection[str]: ...


class HasPrompts(Protocol):
    """What is read of a `Recipe`, which reads this file."""

    @property
    def trunk(self) -> _Trunk:
        """The prompts of all tasks that have none of their own, and the encoders."""
        ...

    @property
    def tasks(self) -> "Mapping[str, TaskOptions]":
        """By name."""
        ...


@dataclass(frozen=True)
class RecipePrompt:
    """A prompt generator, and the tasks whose texts it joins."""

    name: str
    """By which its parts go: `prompt` and `prompt-N` of the trunk, `prompt-TASK` and `prompt-TASK-N` of tasks."""
    options: "PromptOptions"
    place: Place
    """Where the recipe has it; that of the first task, where several say the same."""
    tasks: tuple[str, ...]
    alone: bool
    """Whether it may be written there without a list."""

    @property
    def written(self) -> str:
        """The keys that lead to it."""
        return ".".join(map(str, self.place[:-1] if self.alone else self.place))


def prompts_of(recipe: HasPrompts) -> list[RecipePrompt]:
    """All of them. What several tasks say alike is one generator, which they share as its own rule says."""
    plain = tuple(name for name, task in recipe.tasks.items() if task.prompt is None)
    found = [
        RecipePrompt(_name("prompt", number), each, ("trunk", "prompt", number), plain, len(recipe.trunk.prompt) == 1)
        for number, each in enumerate(recipe.trunk.prompt)
        if plain
    ]
    own: list[RecipePrompt] = []
    for task, options in recipe.tasks.items():
        given = options.prompt or []
        for number, each in enumerate(given):
            place: Place = ("tasks", task, "prompt", number)
            _join(own, RecipePrompt(_name(f"prompt-{task}", number), each, place, (task,), len(given) == 1))
    return found + own


def _name(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name


def _join(own: list[RecipePrompt], prompt: RecipePrompt) -> None:
    (task,) = prompt.tasks
    for at, known in enumerate(own):
        if known.options == prompt.options and task not in known.tasks:
            own[at] = replace(known, tasks=(*known.tasks, task))
            return
    own.append(prompt)


def wrong_prompts(recipe: HasPrompts) -> Iterator[tuple[Place, str]]:
    """Where prompt generators and encoders do not go together, and why."""
    prompts, encoders = prompts_of(recipe), recipe.trunk.modalities
    if recipe.trunk.prompt and all(task.prompt is not None for task in recipe.tasks.values()):
        yield ("trunk", "prompt"), "each task has a `prompt` of its own, and this one joins no text"
    read = {each.options.modality for each in prompts if each.options.reads_media}
    if bool(encoders) != bool(read):
        told = "an encoder needs a prompt generator that reads media and the other way round: give both or neither"
        yield ("trunk",), told
    for modality in encoders:
        if modality not in read:
            yield ("trunk",), f"no prompt generator reads {modality} media: say `modality: {modality}` in one"
    for each in prompts:
        modality, reads = each.options.modality, each.options.reads_media
        if modality not in (encoders if reads else (VISUAL,)):
            why = f"there is no encoder `encoders.{modality}`" if reads else "it reads no media"
            place = each.place if each.place[0] == "tasks" else ("trunk",)
            yield place, f"a prompt generator says `modality: {modality}`, and {why}"
