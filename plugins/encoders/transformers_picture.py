"""How a vision tower of transformers wants its pictures: by its `preprocessor_config.json`, or as its family does.

The file is read as data. Where the longer side comes out between two whole numbers of pixels, transformers takes the
lower one and this package the nearer one, which moves the middle square by less than a pixel.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from multigraft import OptionError, Transform
from multigraft.plugins.encoders.options import TransformersOptions

_FILES = ("preprocessor_config.json", "processor_config.json")
_FILTERS: dict[int, Literal["bilinear", "bicubic"]] = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of them."""
_FULL = 1 / 255


@dataclass(frozen=True)
class Picture:
    """What a family or a file says of pictures."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Literal["stretch", "crop"]
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    size: int | None = None
    """Side of the square; that of the model's config if not said."""
    margin: float = 1.0
    """The shorter side before the middle square is cut out, in sides of it."""


CLIP_PICTURE = Picture((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711), "crop")
"""Radford et al. 2021."""
SIGLIP_PICTURE = Picture((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "stretch")
"""Zhai et al. 2023."""
IMAGENET_PICTURE = Picture((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "crop", margin=256 / 224)
"""DINOv2 (Oquab et al. 2024)."""


def transform_of(picture: Picture, options: TransformersOptions, side: int) -> Transform:
    """The transform of an encoder; the recipe's words go before those of the file.

    Args:
        side: of pictures in the model's config.
    """
    size = options.size or picture.size or side
    margin = picture.margin if options.fit is None else 1.0
    return Transform(
        size=size,
        mean=picture.mean,
        std=picture.std,
        interpolation=picture.interpolation,
        fit=options.fit or picture.fit,
        shorter=round(size * margin) if margin > 1 else None,
    )


def read_picture(folder: Path, usual: Picture, weights: str) -> Picture:
    """What the files of a folder say of pictures; the family's own, with a warning, where they say nothing.

    Raises:
        OptionError: a file that cannot be read, or asks for what no transform does.
    """
    if not any((folder / name).is_file() for name in _FILES):
        warnings.warn(f"weights {weights} have no {_FILES[0]}: pictures are prepared as its family's are", stacklevel=2)
        return usual
    said = _read(folder, weights)
    if said.get("do_rescale", True) and abs(said.get("rescale_factor", _FULL) - _FULL) > 1e-6:
        raise _refusal(weights, f"`rescale_factor: {said['rescale_factor']}`")
    plain = not said.get("do_normalize", True)
    picture = replace(
        usual,
        mean=(0.0, 0.0, 0.0) if plain else _three(said.get("image_mean", usual.mean)),
        std=(1.0, 1.0, 1.0) if plain else _three(said.get("image_std", usual.std)),
        interpolation=_filter(said.get("resample"), usual, weights),
    )
    return _fitted(picture, said, weights) if said.get("do_resize", True) and said.get("size") else picture


def _read(folder: Path, weights: str) -> dict[str, Any]:
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        return dict(ImageProcessingMixin.get_image_processor_dict(str(folder))[0])
    except (OSError, ValueError) as error:
        raise OptionError(("weights",), f"weights {weights}: their {_FILES[0]} cannot be read ({error})") from None


def _fitted(picture: Picture, said: dict[str, Any], weights: str) -> Picture:
    """With the size, and how pictures are brought to it."""
    cut = _square(said.get("crop_size"), weights) if said.get("do_center_crop") else None
    size = said["size"]
    if isinstance(size, dict) and "height" in size:
        side = _square(size, weights)
        if cut not in (None, side):
            raise _refusal(weights, f"a square of {side} pixels of which the middle {cut} are kept")
        return replace(picture, fit="stretch", size=side, margin=1.0)
    shorter = size.get("shortest_edge") if isinstance(size, dict) else size
    if not isinstance(shorter, int):
        raise _refusal(weights, f"`size: {size}`")
    if cut is None and isinstance(size, int):
        return replace(picture, fit="stretch", size=size, margin=1.0)
    if (cut or shorter) > shorter:
        raise _refusal(weights, f"the middle {cut} pixels of {shorter}")
    return replace(picture, fit="crop", size=cut or shorter, margin=shorter / (cut or shorter))


def _square(size: Any, weights: str) -> int:
    sides = {size.get("height"), size.get("width")} if isinstance(size, dict) else {size}
    if len(sides) != 1 or not isinstance(side := sides.pop(), int):
        raise _refusal(weights, f"pictures of {size}, and not squares")
    return side


def _filter(resample: Any, usual: Picture, weights: str) -> Literal["bilinear", "bicubic"]:
    if resample is None:
        return usual.interpolation
    if resample not in _FILTERS:
        warnings.warn(f"weights {weights} were resized by Pillow's filter {resample}: taken is bicubic", stacklevel=3)
    return _FILTERS.get(resample, "bicubic")


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _refusal(weights: str, what: str) -> OptionError:
    message = f"weights {weights}: their {_FILES[0]} asks for {what}, which is not done here"
    return OptionError(("weights",), message, "change that file in a copy (`path:DIR`)")
