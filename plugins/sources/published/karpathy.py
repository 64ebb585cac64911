"""The form of Karpathy's splits (Karpathy and Fei-Fei 2015, cs.stanford.edu/people/karpathy/deepimagesent).

A file is `{"images": [{"split", "filename", "cocoid", "imgid", "sentences": [{"raw", "sentid"}]}], "dataset"}`; only
`dataset_coco.json` has `cocoid`, COCO's own number of the picture.
"""

from collections.abc import Iterator
from pathlib import Path

from multigraft import MultigraftError
from multigraft.plugins.sources.json_text import object_members
from multigraft.plugins.sources.row import BrokenRow, TableRow


def pictures(path: Path) -> Iterator[TableRow | BrokenRow]:
    """The pictures of a file.

    Raises:
        MultigraftError: it is no JSON, or has no pictures.
    """
    number = 0
    for key, value in object_members(path, apart=True):
        if key == "images":
            yield TableRow(number, value) if isinstance(value, dict) else BrokenRow(number, "it is no object")
            number += 1
    if not number:
        raise MultigraftError(f"{path}: it has no list `images`, as Karpathy's splits have")


def split_of_pictures(path: Path) -> dict[int, str]:
    """The split of each picture, by COCO's number.

    Raises:
        MultigraftError: as `pictures`, or a picture has no number or no split.
    """
    found: dict[int, str] = {}
    for row in pictures(path):
        values = row.values if isinstance(row, TableRow) else {}
        number, split = values.get("cocoid"), values.get("split")
        if not isinstance(number, int) or not isinstance(split, str):
            raise MultigraftError(
                f"{path}: picture {row.number} has no `cocoid` or no `split`, as dataset_coco.json has"
            )
        found[number] = split
    return found
