"""Options of the sources of published data sets."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from multigraft import DataPath, SourceOptions

KarpathySplit = Literal["train", "restval", "val", "test"]
HELD_OUT = ("dvp-train", "dvp-held-out")
"""Splits of VQA 2.0 in Dynamic Visual Prompting."""


def one_or_many(value: Any) -> Any:
    """A list of one for what is none."""
    return [value] if isinstance(value, str) else value


class Vqav2Options(SourceOptions):
    """VQA 2.0: files of questions, and those of their annotations, in any order; without annotations, as in the test
    sets, questions have no answers. Pictures are called as in COCO, such as `COCO_val2014_000000000042.jpg`."""

    source: str = "vqav2"
    """Name of this data set, by which scores are told apart."""
    answers: Annotated[str, DataPath()] = ""
    """File of the answers that targets are made of, one a line; if left out, those that are most annotators' choice for
    `least` questions of the annotations given."""
    least: int = Field(9, ge=1)
    """Questions that an answer must answer."""
    karpathy: Annotated[str, DataPath()] = ""
    """Karpathy's `dataset_coco.json`, for his splits."""
    split: list[KarpathySplit | Literal["dvp-train", "dvp-held-out"]] = Field([])
    """Take only pictures of these splits: Karpathy's (VL-Adapter trains on `train` and `restval`), or one of Dynamic
    Visual Prompting's, which holds out the last pictures of val2014."""
    held_out: int = Field(1000, ge=1)
    """Pictures of `dvp-held-out`, the last ones of val2014 in the order of its file of questions."""

    _one_or_many = field_validator("split", mode="before")(one_or_many)

    @model_validator(mode="after")
    def _splits_of_one_kind(self) -> "Vqav2Options":
        ours = [name for name in self.split if name in HELD_OUT]
        if ours and len(self.split) > 1:
            raise ValueError(f"the split {ours[0]} cannot be taken with another one")
        if bool(self.karpathy) != bool(self.split and not ours):
            raise ValueError("Karpathy's splits need `karpathy`, his dataset_coco.json, and `split`")
        return self


class GqaOptions(SourceOptions):
    """GQA: a file of questions such as `val_balanced_questions.json`; pictures are called `IMAGE.jpg`."""

    source: str = "gqa"
    """Name of this data set, by which scores are told apart."""
    types: Literal["structural", "semantic", "detailed"] = "structural"
    """Which of a question's types is that of the annotation."""


class Nlvr2Options(SourceOptions):
    """NLVR2: JSON lines such as `train.json`, `dev.json`, `test1.json`; pictures are called `dev-850-0-img0.png`, those
    of training with their directory in front."""

    source: str = "nlvr2"
    """Name of this data set, by which scores are told apart."""


class SnliVeOptions(SourceOptions):
    """SNLI-VE: JSON lines, TSV with the same columns, or TSV in OFA's form; pictures are Flickr30k's."""

    source: str = "snli-ve"
    """Name of this data set, by which scores are told apart."""


class CocoCaptionsOptions(SourceOptions):
    """Captions of COCO, Flickr30k or Flickr8k in Karpathy's form, such as `dataset_coco.json`."""

    source: str = "coco-captions"
    """Name of this data set, by which scores are told apart."""
    split: list[KarpathySplit] = Field(["train", "restval"], min_length=1)
    """Splits that are taken."""
    per: Literal["picture", "caption"] = "picture"
    """`picture`: an annotation with all captions as references, for evaluation, or to draw one of them each time;
    `caption`: an annotation for each, so that an epoch of training sees all."""

    _one_or_many = field_validator("split", mode="before")(one_or_many)


class VideoOptions(SourceOptions):
    """Base of the options of video sets in the form of VALUE."""

    subtitles: Annotated[str, DataPath()] = ""
    """File of subtitles, JSON lines; those within the annotation's stretch of time are its context."""
    media_name: str = Field("{}.mp4", pattern=r"^[^{}]*\{(:0[0-9]+)?\}[^{}]*$")
    """How a video is called, its name in the annotations in place of `{}`."""
    span: Literal["annotated", "whole"] = "annotated"
    """`annotated`: the stretch that `ts` says; `whole`: the whole video and all its subtitles, as VL-Adapter reads
    them."""
    unknown_span: Literal["drop", "whole"] = "drop"
    """What becomes of an annotation whose `ts` is missing or `nan`; test sets, which must be answered in full, want
    `whole`."""


class TvqaOptions(VideoOptions):
    """TVQA: questions about TV shows with five choices, such as `tvqa_train.jsonl`."""

    source: str = "tvqa"
    """Name of this data set, by which scores are told apart."""


class How2QaOptions(VideoOptions):
    """How2QA: questions about instructional videos with four choices, such as `how2qa_train_release.jsonl`."""

    source: str = "how2qa"
    """Name of this data set, by which scores are told apart."""


class VideoCaptionsOptions(VideoOptions):
    """Base of the options of captions of videos."""

    per: Literal["clip", "caption"] = "clip"
    """`clip`: an annotation with all captions as references; `caption`: an annotation for each."""


class TvcOptions(VideoCaptionsOptions):
    """TVC: captions of moments of TV shows, such as `tvc_train_release.jsonl`."""

    source: str = "tvc"
    """Name of this data set, by which scores are told apart."""


class Yc2cOptions(VideoCaptionsOptions):
    """YC2C: captions of clips of YouCook2 as VALUE gives them out, such as `yc2c_train_release.jsonl`."""

    source: str = "yc2c"
    """Name of this data set, by which scores are told apart."""


class ImageTextShardsOptions(SourceOptions):
    """Tars, or folders of such, that img2dataset or video2dataset has made: `KEY.jpg`, `KEY.txt`, `KEY.json`."""

    endings: list[str] = Field(["jpg", "png", "webp", "mp4"], min_length=1)
    """Endings of media; the first that a sample has is the annotation's."""
