"""`multigraft plugins doctor`."""

import json
from dataclasses import asdict

import click

from multigraft.core.cli.lazy import registry_of, with_json
from multigraft.core.cli.verbs import VERBS


@click.command(epilog="Example: multigraft plugins doctor --json")
@with_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Find what is wrong with the plugins; exit code 1 if there is an error. Warnings do not count."""
    from multigraft.core.testing.doctor import diagnose

    registry = registry_of(context)
    findings = diagnose(registry, reserved=frozenset(verb.path for verb in VERBS))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(f"{len(registry.plugins)} plugins, {len(findings)} findings")
    context.exit(any(finding.level == "error" for finding in findings))
