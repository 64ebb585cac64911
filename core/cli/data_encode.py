"""`multigraft data encode RECIPE`."""

import json
from typing import TYPE_CHECKING, Any

import click

from multigraft.core.cli.lazy import registry_of, with_json, with_overrides

if TYPE_CHECKING:
    from multigraft.core.data.encoding import StoredFeatures


@click.command(
    name="encode",
    epilog="""Examples:

      multigraft data encode quickstart

      multigraft data encode my.yaml --set data.features=true --split train

      multigraft data encode my.yaml --engine '{kind: ray, workers: 8, gpus: 1}'""",
)
@click.argument("recipe")
@click.option("--split", "splits", multiple=True, help="Split to encode; may be repeated [default: all].")
@click.option("--engine", help="Where to encode, such as `ray` or `{kind: ray, workers: 4}` [default: here].")
@with_overrides
@with_json
@click.pass_context
def encode(
    context: click.Context,
    recipe: str,
    splits: tuple[str, ...],
    engine: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run the frozen encoders of RECIPE, a file or the name of a shipped recipe, once over its media.

    The features are those that its training would store when it begins, which then finds them; what is stored and whole
    is kept, so a second run makes nothing. It says what was there, what was made, and what could not be decoded. The
    last lines on stdout are the folders of the features.
    """
    from multigraft.core.check.recipe_check import check_deep, check_shape
    from multigraft.core.run.distributed import join_processes
    from multigraft.core.run.encode_media import check_encodable, encode_media, engine_of
    from multigraft.core.run.make_data import make_data

    registry = registry_of(context)
    chosen = engine_of(engine, registry) if engine else None
    subject = check_shape(recipe, overrides, registry)
    check_encodable(subject.recipe, splits)
    processes = join_processes(subject.recipe.device)
    with processes.main_process_first():
        make_data(subject.recipe, subject.registry)
        check_deep(subject)
    stored = encode_media(subject.recipe, registry, splits, chosen)
    if not processes.is_main_process:
        return
    if as_json:
        click.echo(json.dumps({modality: _facts(each) for modality, each in stored.items()}))
        return
    for modality, each in stored.items():
        click.echo(f"{modality}: {_line(each)}", err=True)
        click.echo(each.home)


def _facts(stored: "StoredFeatures") -> dict[str, Any]:
    facts = {"folder": str(stored.home), "shards": stored.shards, "media": stored.media}
    return facts | {"there": stored.media - stored.made, "made": stored.made, "bad": dict(stored.bad)}


def _line(stored: "StoredFeatures") -> str:
    there, bad = stored.media - stored.made, sum(stored.bad.values())
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in sorted(stored.bad.items()))
    text = f"{stored.media:,} media in {stored.shards:,} shards, {there:,} were there, {stored.made:,} made"
    return f"{text}, {bad:,} cannot be decoded ({reasons})" if bad else f"{text}, none bad"
