"""`tvc` and `yc2c`: captions of clips (Lei et al. 2020; Zhou et al. 2018), as VALUE gives them out.

A line is `{"clip_id", "vid_name", "ts", "duration", "descs": [{"desc", "desc_id"}]}`; test sets have no `descs`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from multigraft import Annotation
from multigraft.plugins.sources.annotating import annotation_of
from multigraft.plugins.sources.published.options import TvcOptions, VideoCaptionsOptions, Yc2cOptions
from multigraft.plugins.sources.published.rows import objects_at, text_at
from multigraft.plugins.sources.published.video_rows import Clip, VideoRows


class VideoCaptions(VideoRows):
    """An annotation for each clip with the id `SET#CLIP`, or for each caption, `SET#CLIP.CAPTION` then.

    Args:
        name: of the set, in front of its ids.
    """

    _options: VideoCaptionsOptions

    def __init__(self, options: VideoCaptionsOptions, name: str) -> None:
        super().__init__(options)
        self._name = name

    def of_row(self, values: Mapping[str, Any]) -> Iterable[Annotation]:
        """The annotation of a clip, or those of its captions."""
        clip, name = self.clip(values), f"{self._name}#{text_at(values, 'clip_id')}"
        found = objects_at(values, "descs") if values.get("descs") is not None else []
        said = [(each, text_at(each, "desc")) for each in found]
        if self._options.per == "clip" or not said:
            return [self._annotation(name, tuple(text for _, text in said), clip)]
        return [self._annotation(f"{name}.{text_at(each, 'desc_id')}", (text,), clip) for each, text in said]

    def _annotation(self, name: str, captions: tuple[str, ...], clip: Clip) -> Annotation:
        return annotation_of(
            self._options, id=name, references=captions, context=clip.said, span=clip.span, media=(clip.medium,)
        )


def build_tvc(options: TvcOptions) -> VideoCaptions:
    """The source of TVC."""
    return VideoCaptions(options, "tvc")


def build_yc2c(options: Yc2cOptions) -> VideoCaptions:
    """The source of YC2C."""
    return VideoCaptions(options, "yc2c")
