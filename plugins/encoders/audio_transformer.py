"""A small transformer over log-mel energies as a frozen encoder of sound, with sites for adapters."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from multigraft import Encoder, Interceptor, LogMel, OptionError, Preparation, Site, weight_source
from multigraft.plugins.encoders.audio_blocks import Block
from multigraft.plugins.encoders.checkpoint import read_state_dict
from multigraft.plugins.encoders.grid import weights_hash
from multigraft.plugins.encoders.options import AUDIO_SCHEMES, AudioTransformerOptions
from multigraft.plugins.encoders.pre_norm_stack import PreNormStack
from multigraft.plugins.encoders.seeded import building_on_meta, seeded_by
from multigraft.plugins.pretrained.form import check_form
from multigraft.stacks import Tokens, run_stack

STACK = "audio"
_STRIDES = 4
"""Windows of a token: two convolutions, each of which halves their number."""
_MIDDLE, _SPREAD = -4.0, 4.0
"""What log-mel energies are shifted and divided by: about the mean and the deviation of speech."""


class AudioTransformer(Encoder):
    """Two strided convolutions and pre-norm transformer layers, as in Whisper (Radford et al. 2022, section 2.2).

    Places are sines and cosines (Vaswani et al. 2017, section 3.5), so that clips may have any length."""

    places: Tensor

    def __init__(self, options: AudioTransformerOptions) -> None:
        super().__init__()
        self.width, self._wanted = options.width, _preparation(options)
        self.tokens = -(-self._wanted.most_windows // _STRIDES)
        self.stem = nn.ModuleList(
            nn.Conv1d(width, options.width, 3, stride=2, padding=1) for width in (options.bands, options.width)
        )
        self.blocks = nn.ModuleList(
            Block(options.width, options.heads, options.feed_forward) for _ in range(options.layers)
        )
        self.norm = nn.LayerNorm(options.width)
        self.register_buffer("places", _places(self.tokens, options.width), persistent=False)

    def freeze(self) -> "AudioTransformer":
        """Behind loading: what is read of its weights, and its stack of layers."""
        self.requires_grad_(False).eval()
        self._weights = weights_hash(self)
        blocks = [block.modules_of() for block in self.blocks if isinstance(block, Block)]
        self.stack = PreNormStack(self, nn.Identity(), blocks, self.norm, STACK)
        return self

    def preparation(self) -> Preparation:
        """Log-mel energies."""
        return self._wanted

    def encode(self, arrays: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tokens:
        """Log-mel energies `(clips, windows, bands)` to tokens `(clips, ceil(windows / 4), width)` and their mask."""
        x, real = self._embed((arrays - _MIDDLE) / _SPREAD, mask)
        states = run_stack(self.stack, Tokens(x, real), intercept, checkpoint=self.checkpointing).states
        return Tokens(states, real)

    def train(self, mode: bool = True) -> "AudioTransformer":
        """Stays in evaluation mode, also where it is trained."""
        return super().train(False)

    def fingerprint(self) -> str:
        """Form, hash of the weights and how sound is prepared."""
        heads, w = self.blocks[0].heads, self._wanted
        sound = f"{w.rate}Hz,window={w.window},hop={w.hop},bands={w.bands}"
        return f"audio-transformer:{len(self.blocks)}x{heads}|weights={self._weights}|{sound}"

    def sites(self) -> tuple[Site, ...]:
        """Those of the stack `audio`."""
        return self.stack.sites()

    def _embed(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Padding is silence to each convolution, so that a clip is the same alone and beside longer ones."""
        for convolution in self.stem:
            silent = x if mask is None else x.masked_fill(~mask[:, :, None], 0)
            x = gelu(convolution(silent.transpose(1, 2)).transpose(1, 2))
            mask = None if mask is None else mask[:, ::2]
        return x + self.places[: x.shape[1]], mask


def _preparation(options: AudioTransformerOptions) -> LogMel:
    rate = options.rate
    return LogMel(rate, window=rate // 40, hop=rate // 100, bands=options.bands, seconds=options.seconds)


def _places(count: int, width: int) -> Tensor:
    """`(count, width)`: sines of each place in one half, cosines in the other."""
    rates = torch.exp(torch.arange(width // 2) * (-9.2103404 / max(1, width // 2 - 1)))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def build(options: AudioTransformerOptions) -> AudioTransformer:
    """The encoder of `{kind: audio-transformer, weights: ...}`.

    Raises:
        OptionError: weights that are no safetensors, or that do not fit.
        MultigraftError: weights that cannot be read.
    """
    source = weight_source(options.weights, AUDIO_SCHEMES)
    if source.scheme == "path":
        check_form(Path(source.value), str(options.weights), allow_pickle=False)
    with seeded_by("audio-transformer"):
        encoder = AudioTransformer(options)
    if source.scheme == "path" and not building_on_meta():
        state = read_state_dict(Path(source.value).expanduser())
        try:
            encoder.load_state_dict(state)
        except RuntimeError as error:
            raise OptionError(("weights",), f"{options.weights} does not fit these options: {error}") from error
    encoder.origin = str(options.weights)
    return encoder.freeze()
