"""`multigraft plugins doctor`."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.cli.verbs import VERBS

if TYPE_CHECKING:
    from multigraft.core.testing.optional_packages import Choice


@click.command(epilog="Example: multigraft plugins doctor --json")
@with_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Find what is wrong with the plugins, and tell which further packages are there and how to get the rest.

    Exit code 1 if there is an error. Warnings and packages that are missing do not count.
    """
    from multigraft.core.testing.doctor import diagnose
    from multigraft.core.testing.optional_packages import choices

    registry = registry_of(context)
    findings, optional = diagnose(registry, reserved=frozenset(verb.path for verb in VERBS)), choices(registry)
    if as_json:
        made = {"optional": [asdict(each) for each in optional], "findings": [asdict(each) for each in findings]}
        click.echo(json.dumps(made, indent=2))
    else:
        _print_choices(optional)
        for finding in findings:
            click.echo(str(finding))
        click.echo(f"{len(registry.plugins)} plugins, {len(findings)} findings")
    context.exit(any(finding.level == "error" for finding in findings))


def _print_choices(optional: "list[Choice]") -> None:
    """A line each, the command of what is missing in the next."""
    kind = ""
    for choice in optional:
        if choice.kind != kind:
            kind = choice.kind
            click.echo(f"{kind}s" if not kind.startswith("extra of") else kind.replace("extra", "extras", 1))
        packages = ", ".join(f"{name} {version}".rstrip() for name, version in choice.packages.items())
        click.echo(f"  {choice.state:8}{choice.name:14}{choice.trouble or packages}")
        if choice.fix:
            click.echo(f"{'':10}{choice.fix}")
