"""`coco`: captions or objects of pictures, in the form of COCO (Lin et al. 2014; Chen et al. 2015).

A file is `{"images": [{"id", "file_name"}], "annotations": [{"id", "image_id", "caption"}]}`; in those of instances
an annotation has `category_id` in place of `caption`, and `categories` are `[{"id", "name"}]` (cocodataset.org,
format-data).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, Dropped, MultigraftError, Source
from multigraft.plugins.sources.annotating import annotation_of, answer_of
from multigraft.plugins.sources.files import existing_files, labels
from multigraft.plugins.sources.json_rows import list_at
from multigraft.plugins.sources.options import CocoOptions
from multigraft.plugins.sources.values import text_of

_NO_ID = (list, dict)


@dataclass
class _OfImage:
    """What is said about a picture: captions, and names of objects, each once."""

    captions: list[str] = field(default_factory=list)
    objects: dict[str, None] = field(default_factory=dict)


class CocoSource(Source):
    """An annotation for each picture, with all that is said about it; pictures lie beside the first file."""

    def __init__(self, options: CocoOptions) -> None:
        self._options = options
        self.files = tuple(existing_files(options.files))
        self.media = (self.files[0].parent,)

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations with the ids `FILE#IMAGE`; a file is read whole.

        Raises:
            MultigraftError: a file has not this form.
        """
        for path, label in zip(self.files, labels(self.files), strict=True):
            value = _loaded(path)
            images = _objects(path, value, "images")
            names = {_id(path, each): str(each.get("name")) for each in _objects(path, value, "categories", True)}
            said: dict[Any, _OfImage] = {_id(path, image): _OfImage() for image in images}
            for number, each in enumerate(_objects(path, value, "annotations")):
                try:
                    _take(said, names, each)
                except BadSample as error:
                    yield Dropped(f"{label}#annotations.{number}", error.reason, error.detail)
            del value
            for image in images:
                yield self._of_image(f"{label}#{image.get('id')}", image, said[image.get("id")])

    def _of_image(self, name: str, image: Mapping[str, Any], said: _OfImage) -> Annotation | Dropped:
        answers = [*said.captions, *said.objects]
        if not answers:
            return Dropped(name, "no annotation", f"nothing is said about {image.get('file_name')}")
        try:
            return annotation_of(
                self._options,
                id=name,
                text=self._options.question,
                answers=tuple(answer_of(each) for each in answers),
                references=tuple(said.captions),
                media=(text_of(image.get("file_name")),),
            )
        except BadSample as error:
            return Dropped(name, error.reason, error.detail)


def _take(said: Mapping[Any, _OfImage], names: Mapping[Any, str], annotation: Mapping[str, Any]) -> None:
    """Put an annotation to its picture.

    Raises:
        BadSample: `bad row`: it has neither, or is about what is not there.
    """
    about, category = annotation.get("image_id"), annotation.get("category_id")
    if isinstance(about, _NO_ID) or about not in said:
        raise BadSample("bad row", f"it is about image {about!r}, which is not in `images`")
    image = said[about]
    if "caption" in annotation:
        caption = text_of(annotation["caption"]).strip()
        if not caption:
            raise BadSample("bad row", "its caption is blank")
        image.captions.append(caption)
    elif not isinstance(category, _NO_ID) and category in names:
        image.objects[names[category]] = None
    else:
        raise BadSample("bad row", f"no caption, and no category {category!r} in `categories`")


def _id(path: Path, value: Mapping[str, Any]) -> Any:
    """By which others name a picture or a category.

    Raises:
        MultigraftError: it is a list or an object.
    """
    found = value.get("id")
    if isinstance(found, _NO_ID):
        raise MultigraftError(f"{path}: an `id` is {type(found).__name__}, no number or text")
    return found


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise MultigraftError(f"{path}: it is no JSON: {error}") from None


def _objects(path: Path, value: Any, key: str, optional: bool = False) -> Sequence[Mapping[str, Any]]:
    """The objects of a list of the file.

    Raises:
        MultigraftError: there is no such list.
    """
    if optional and isinstance(value, dict) and key not in value:
        return []
    found = list_at(path, value, key)
    if strange := [each for each in found if not isinstance(each, dict)]:
        raise MultigraftError(f"{path}: {key!r} holds {type(strange[0]).__name__}, no objects")
    return found


def build(options: CocoOptions) -> CocoSource:
    """The source of files in the form of COCO."""
    return CocoSource(options)
