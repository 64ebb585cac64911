"""The command line: `multigraft VERB`. Verbs are imported when called."""

import errno
import sys
from pathlib import Path
from typing import Any

import click

import multigraft
from multigraft.core.cli.lazy import PLUGIN_OPTIONS, LazyGroup, plugin_options_first, registry_of
from multigraft.core.errors import MultigraftError

_BAD_INPUT = 2
_INTERRUPTED = 130
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""What is wrong with a disk or the rights on it, wherever a verb or a plugin meets it."""
_PATH = (errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR)
"""What the system says of a path that names nothing it could use."""


class _Root(LazyGroup):
    """Turns what a user can mend into a message and exit code 2, paths included, and Ctrl-C into 130."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except MultigraftError as error:
            _tell(str(error), error)
        except OSError as error:
            if error.errno not in (*_DISK, *_PATH):
                raise
            _tell(f"{error.filename or 'a file'} cannot be written or read: {error.strerror}", error)
        sys.exit(_BAD_INPUT)

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, plugin_options_first(args))

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            _tell("stopped", error)
            context.exit(_INTERRUPTED)


def _tell(message: str, error: BaseException) -> None:
    click.echo("\n".join([message, *getattr(error, "__notes__", ())]), err=True)


@click.group(
    cls=_Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: multigraft train quickstart --run runs/first",
    params=list(PLUGIN_OPTIONS),
)
@click.version_option(multigraft.__version__, prog_name="multigraft")
@click.pass_context
def cli(context: click.Context, plugin: tuple[Path, ...], no_plugin: tuple[str, ...]) -> None:
    """Train one frozen vision-language trunk on many tasks at once, and choose what the tasks share."""
    registry_of(context)
    if context.invoked_subcommand is None:
        _print_verbs(context)


def _print_verbs(context: click.Context) -> None:
    from multigraft.core.cli.console import add_row, console, table

    made = table("verb", "what it does", title="multigraft VERB --help tells more")
    for name, text in cli.commands_below(context).items():
        add_row(made, name, text)
    console(sys.stdout).print(made)


def main() -> None:
    """Entry point of the console script."""
    cli(prog_name="multigraft")
