"""The dtype that autocast computes in."""

import torch
from torch import Tensor


def computed(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors as autocast would hand them to a product; as they are where it is off."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors)
