"""GGUF files: a model's config, tensors and tokenizer in one file, as llama.cpp writes them; nothing in them is run.

Transformers reads them and makes quantised tensors dense. What it would leave out without a word is refused here.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from multigraft import OptionError

ENDING = ".gguf"


def read_config(file: Path, source: str) -> dict[str, Any]:
    """The model's config, as transformers understands it.

    Raises:
        OptionError: the package `gguf` is not installed, the file is no GGUF file or damaged, or it says something of
            rotary frequencies that transformers does not read.
    """
    if find_spec("gguf") is None:
        message = f"weights {source}: a GGUF file needs gguf, which is not installed"
        raise OptionError(("weights",), message, "pip install 'multigraft[gguf]'")
    if not file.is_file():
        raise OptionError(("weights",), f"weights {source}: there is no file {file}")
    stand = file.stat()
    try:
        return dict(_config(file, stand.st_size, stand.st_mtime_ns))
    except _LeftOutError as error:
        raise OptionError(("weights",), f"weights {source}: {error}", "use the model's safetensors") from None
    except Exception as error:  # of readers of damaged bytes
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise OptionError(("weights",), f"weights {source} cannot be read: {told}") from None


class _LeftOutError(Exception):
    """The file says something that would be ignored."""


@lru_cache(maxsize=4)
def _config(file: Path, size: int, changed: int) -> Mapping[str, Any]:
    """Of a file of a size that was last changed at a time: a large vocabulary takes seconds to read."""
    from gguf import GGUFReader
    from transformers import PreTrainedConfig

    reader = GGUFReader(file)
    scaled = sorted(name for name in reader.fields if ".rope.scaling." in name)
    scaled += sorted(tensor.name for tensor in reader.tensors if tensor.name.startswith("rope_"))
    if scaled:
        raise _LeftOutError(f"its rotary frequencies are scaled ({scaled[0]}), and transformers would not scale them")
    found, _ = PreTrainedConfig.get_config_dict(str(file.parent), gguf_file=file.name)
    return found  # type: ignore[no-any-return]
