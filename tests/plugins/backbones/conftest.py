"""An interceptor that holds every call against the backbone's sites."""

import pytest

from multigraft.core.interfaces.no_graft import NoGraft


class Recorder(NoGraft):
    """Keeps the names of the sites that were called, each of which must name the module that it was called with."""

    def __init__(self, backbone):
        super().__init__()
        self.model, self.sites = backbone.model, {site.name: site for site in backbone.sites()}
        self.seen, self.normed = set(), {}

    def linear(self, site, projection, x):
        assert projection.module is self._module(site)
        assert projection.weight.shape == (self.sites[site].width_out, self.sites[site].width_in)
        return super().linear(site, projection, x)

    def embedding(self, site, module, ids):
        assert module.weight is self._module(site).weight
        return super().embedding(site, module, ids)

    def attention(self, site, call):
        self._module(site)
        own = self.sites[site]
        assert (call.query.shape[1], call.memory.key.shape[1]) == (own.heads, own.memory_heads)
        assert call.query.shape[3] == call.memory.value.shape[3] == own.head_width
        return super().attention(site, call)

    def norm(self, site, module, x):
        assert module is self._module(site)
        self.normed[site] = x
        return super().norm(site, module, x)

    def block(self, site, x, output, residual=None):
        self._module(site)
        assert output.shape[-1] == self.sites[site].width_out
        assert residual is self.normed.get(f"{site}.norm")
        return super().block(site, x, output, residual)

    def _module(self, site):
        self.seen.add(site)
        return self.model.get_submodule(self.sites[site].module)


@pytest.fixture
def recorder():
    """Makes one for a backbone."""
    return Recorder
