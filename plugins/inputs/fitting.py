"""What size a picture gets for an encoder."""

from multigraft import Transform


def fitted_size(width: int, height: int, transform: Transform) -> tuple[int, int]:
    """Width and height of the whole picture once it is resized: before `crop` cuts and before `pad` adds."""
    size = transform.size
    if transform.fit == "stretch":
        return size, size
    if transform.fit == "crop":
        wanted, side = transform.shorter or size, min(width, height)
    else:
        side = max(width, height)
        wanted = min(size, side) if transform.fit == "whole" else size
    return max(1, round(width * wanted / side)), max(1, round(height * wanted / side))
