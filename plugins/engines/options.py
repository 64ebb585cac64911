"""Options of the built-in engines."""

from pydantic import Field

from multigraft import Options


class RayOptions(Options):
    """Workers on a Ray cluster, or on this machine where none is named; all of them see the same folders."""

    workers: int = Field(1, ge=1, le=10_000)
    """Workers that are kept, each with encoders of its own."""
    processors: float = Field(1.0, gt=0, le=1024)
    """Processors that a worker asks the cluster for."""
    gpus: float = Field(0.0, ge=0, le=64)
    """GPUs that a worker asks for; give `device: cuda` in the recipe as well."""
    address: str | None = None
    """Of the cluster, as `ray.init` takes it; what the variable RAY_ADDRESS says if left out."""
