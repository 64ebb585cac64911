"""The `audio-transformer`: seeded weights, weights from a file, padding, and sites that are called."""

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from multigraft import LogMel, MultigraftError, NoGraft, OptionError
from multigraft.plugins.encoders.audio_transformer import build
from multigraft.plugins.encoders.options import AudioTransformerOptions

SMALL = {"width": 16, "layers": 2, "heads": 2, "feed_forward": 24, "bands": 8, "rate": 8000, "seconds": 1.0}


def encoder_of(weights="random", **options):
    return build(AudioTransformerOptions(kind="audio-transformer", weights=weights, **(SMALL | options)))


def clips(*lengths, bands=8):
    """Clips one by one, and padded to the longest with what must not be seen."""
    generator = torch.Generator().manual_seed(0)
    alone = [torch.randn(1, length, bands, generator=generator) * 4 - 4 for length in lengths]
    together = torch.full((len(lengths), max(lengths), bands), 99.0)
    mask = torch.zeros(len(lengths), max(lengths), dtype=torch.bool)
    for row, clip in enumerate(alone):
        together[row, : clip.shape[1]], mask[row, : clip.shape[1]] = clip[0], True
    return alone, together, mask


@torch.no_grad()
@pytest.mark.parametrize("lengths", [(1, 9), (4, 8, 100), (37, 38, 39, 40)])
def test_a_clip_alone_is_the_same_beside_longer_ones(lengths):
    encoder = encoder_of()
    alone, together, mask = clips(*lengths)
    batch = encoder.encode(together, mask, NoGraft())
    assert batch.states.shape == (len(lengths), -(-max(lengths) // 4), 16)
    for row, clip in enumerate(alone):
        own = encoder.encode(clip, None, NoGraft())
        assert own.mask is None
        assert int(batch.mask[row].sum()) == own.states.shape[1] == -(-clip.shape[1] // 4)
        assert torch.allclose(batch.states[row][batch.mask[row]], own.states[0], atol=1e-5)


@torch.no_grad()
def test_order_and_every_window_count():
    encoder = encoder_of()
    (clip,), _, _ = clips(40)
    states = encoder.encode(clip, None, NoGraft()).states
    assert not torch.allclose(encoder.encode(clip.flip(1), None, NoGraft()).states.flip(1), states, atol=1e-2)
    last = clip.clone()
    last[0, -1] += 5
    assert (encoder.encode(last, None, NoGraft()).states - states).abs().amax(2).min() > 1e-6


@torch.no_grad()
def test_energies_are_shifted_and_divided():
    encoder, seen = encoder_of(), []
    energies = torch.tensor([-8.0, -4.0, 0.0, 4.0])[None, :, None].expand(1, 4, 8)
    encoder.stem[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    encoder.encode(energies, None, NoGraft())
    assert seen[0][0, 0].tolist() == [-1, 0, 1, 2]


def test_it_says_what_it_wants_and_gives():
    encoder = encoder_of()
    assert encoder.preparation() == LogMel(rate=8000, window=200, hop=80, bands=8, seconds=1.0)
    assert (encoder.width, encoder.tokens) == (16, 25)
    assert encoder.layout().grid is None
    assert not any(each.requires_grad for each in encoder.parameters())


def test_random_weights_are_the_same_again_and_named_by_their_hash():
    first, second = encoder_of(), encoder_of()
    assert first.fingerprint() == second.fingerprint()
    assert "audio-transformer:2x2|weights=" in first.fingerprint()
    assert encoder_of(heads=4).fingerprint() != first.fingerprint()
    assert encoder_of(seconds=2.0).fingerprint() == first.fingerprint()
    assert first.origin == "random"


def saved(encoder, path, **changed):
    state = {name: value for name, value in encoder.state_dict().items() if not name.startswith("stack.")}
    save_file({name: value.clone().contiguous() for name, value in (state | changed).items()}, path)
    return f"path:{path}"


def test_weights_come_from_a_file(tmp_path):
    random = encoder_of()
    weights = saved(random, tmp_path / "own.safetensors", **{"norm.bias": torch.ones(16)})
    loaded = encoder_of(weights)
    (clip,), _, _ = clips(40)
    moved = loaded.encode(clip, None, NoGraft()).states - random.encode(clip, None, NoGraft()).states
    assert torch.allclose(moved, torch.ones(()), atol=1e-5)
    assert loaded.origin == weights
    assert loaded.fingerprint() != random.fingerprint()


def test_weights_that_do_not_fit_are_refused(tmp_path):
    weights = saved(encoder_of(), tmp_path / "own.safetensors")
    with pytest.raises(OptionError, match="does not fit these options"):
        encoder_of(weights, width=32)
    with pytest.raises(OptionError, match="no safetensors file"):
        encoder_of("path:own.pt")
    with pytest.raises(MultigraftError, match="there is no file"):
        encoder_of(f"path:{tmp_path / 'none.safetensors'}")
    with pytest.raises(ValidationError, match="multiple of `heads: 3`"):
        encoder_of(heads=3)


class Counting(NoGraft):
    """Counts calls by site."""

    def __init__(self):
        super().__init__()
        self.calls, self.normed = [], {}

    def linear(self, site, projection, x):
        self.calls.append(site)
        return super().linear(site, projection, x)

    def block(self, site, x, output, residual=None):
        self.calls.append(site)
        assert residual is self.normed[f"{site}.norm"]
        return super().block(site, x, output, residual)

    def norm(self, site, module, x):
        self.calls.append(site)
        self.normed[site] = x
        return super().norm(site, module, x)

    def attention(self, site, call):
        self.calls.append(site)
        return super().attention(site, call)


class Embedded(NoGraft):
    """Keeps what the first norm is given."""

    states = None

    def norm(self, site, module, x):
        self.states = x if self.states is None else self.states
        return super().norm(site, module, x)


@torch.no_grad()
def test_places_are_sines_and_cosines():
    """Of an even sound all tokens but the first and the last differ by their places alone."""
    seen = Embedded()
    encoder_of().encode(torch.full((1, 40, 8), -2.0), None, seen)
    angles = torch.arange(10)[:, None] * 10_000 ** (-torch.arange(8) / 7)
    places = torch.cat([angles.sin(), angles.cos()], 1)
    inner = seen.states[0, 1:-1] - seen.states[0, 1]
    assert torch.allclose(inner, places[1:-1] - places[1], atol=1e-5)
    assert (inner[1:].abs().amax(1) > 0.5).all()


@torch.no_grad()
def test_every_site_is_called_once_and_names_a_module():
    encoder, calls = encoder_of(), Counting()
    encoder.encode(*clips(8, 12)[1:], calls)
    assert sorted(calls.calls) == sorted(site.name for site in encoder.sites())
    assert {site.stack for site in encoder.sites()} == {"audio"}
    for site in encoder.sites():
        module = encoder.get_submodule(site.module)
        if site.kind == "projection":
            assert (module.in_features, module.out_features) == (site.width_in, site.width_out)


def test_it_is_counted_without_weights():
    with torch.device("meta"):
        encoder = encoder_of()
    assert encoder.fingerprint().startswith("audio-transformer:2x2|weights=meta|")
    assert sum(each.numel() for each in encoder.parameters()) == sum(each.numel() for each in encoder_of().parameters())
