import pytest

from multigraft.core.interfaces.picture import Transform


@pytest.fixture
def transform():
    """To 16 x 16, stretched, unless told."""

    def make(size=16, **options):
        return Transform(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), **options)

    return make
