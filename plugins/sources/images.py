"""`images`: a folder of pictures in folders, whose names are the answers, as torchvision's `ImageFolder` reads it."""

import os
from collections.abc import Iterator
from pathlib import Path

from multigraft import Annotation, BadSample, Dropped, OptionError, Source, did_you_mean
from multigraft.plugins.sources.annotating import annotation_of, answer_of
from multigraft.plugins.sources.files import existing
from multigraft.plugins.sources.hugging_face import told_of_metadata
from multigraft.plugins.sources.options import ImagesOptions


class ImagesSource(Source):
    """An annotation for each file; its class is the folder in the given one that it lies in, however deep.

    Names that begin with a dot are left alone.
    """

    def __init__(self, options: ImagesOptions) -> None:
        self._options = options
        if len(options.files) > 1 or not (folder := existing(options.files)[0]).is_dir():
            raise OptionError(("files",), "give one folder, in which each class is a folder")
        self._folder = folder
        self.media = (folder,)
        classes = [each.name for each in folder.iterdir() if each.is_dir()]
        if (told := told_of_metadata(folder)) and not any(_is_class(folder / each) for each in classes):
            raise OptionError(("files",), f"{folder} has no folders of classes{told}", "which --kind table reads")
        for name in options.names:
            if name not in classes:
                raise OptionError(("names", name), f"there is no folder {name!r}", did_you_mean(name, classes))

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Annotations in the order of their paths, which are their ids."""
        for path in _files(self._folder):
            name = path.relative_to(self._folder).as_posix()
            folder, slash, _ = name.partition("/")
            if slash:
                yield self._annotation(name, self._options.names.get(folder, folder))
            else:
                yield Dropped(name, "no class", "it lies in no folder of the given one")

    def _annotation(self, name: str, answer: str) -> Annotation | Dropped:
        try:
            return annotation_of(
                self._options,
                id=name,
                text=self._options.question,
                answers=(answer_of(answer),),
                media=(name,),
            )
        except BadSample as error:
            return Dropped(ascii(name), error.reason, error.detail)


def _is_class(folder: Path) -> bool:
    return not told_of_metadata(folder)


def _files(folder: Path) -> Iterator[Path]:
    """All files, sorted folder by folder."""
    with os.scandir(folder) as entries:
        found = sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def build(options: ImagesOptions) -> ImagesSource:
    """The source of folders of pictures."""
    return ImagesSource(options)
