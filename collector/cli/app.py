"""The program: its commands, and the one place where an error becomes a line and an exit status.

Owns the promise that no traceback reaches a person. Refuses to know what the commands do; what a
command needs is imported when it runs, so ``--help`` answers at once.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
from collections.abc import Sequence
from typing import Annotated

import typer

from collector.cli import commands
from collector.cli.streams import plug_closed, standard_output, tell
from collector.cli.usage import usage_problem
from collector.errors import CollectorError, Exit, InputError
from collector.log import one_line

DISTRIBUTION = "network-command-collector"
PROBLEMS_SHOWN = 100

# \b keeps the lines of a paragraph as they are written.
EXAMPLES = """\b
Examples:
  collector run --inventory lab.yaml
  collector run -i lab.yaml -c "show version" --limit site=ams --limit '!ams-edge1'
  collector run -i lab.yaml --dry-run
  collector inventory check -i lab.yaml
  collector lab -i lab.yaml

\b
Exit status: 0 all devices good, 1 internal error, 2 usage or configuration, 3 some devices failed
or partial, 4 all failed, 5 credential breaker opened, 6 storage, 7 a hook failed, 75 another run
holds the output folder, 129/130/143 interrupted."""

app = typer.Typer(
    name="collector",
    cls=commands.LateGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)
commands.register(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with those arguments (``sys.argv`` when None); gives the exit status."""
    plug_closed()
    collects_garbage = gc.isenabled()
    try:
        command = typer.main.get_command(app)
        status = command.main(args=argv, prog_name="collector", standalone_mode=False)
    except KeyboardInterrupt:
        # What is left is the interpreter's own end; a second one would have it say so aloud.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return Exit.INTERRUPTED
    except SystemExit as exit_request:
        return exit_request.code if isinstance(exit_request.code, int) else Exit.OK
    except BaseException as error:  # the last stop: whatever it is, it is told
        if os.environ.get("COLLECTOR_DEBUG"):
            raise
        return _tell(_first(error))
    finally:
        if collects_garbage:  # a command may have ended before it enabled that again
            gc.enable()
    return int(status or Exit.OK)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import version

    standard_output().write_text(f"collector {version(DISTRIBUTION)}\n")
    raise typer.Exit


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> int:
    """Log in to many network devices at once, run commands, store every output whole."""
    if context.invoked_subcommand is None:
        tell(context.get_help())
        return Exit.USAGE
    return Exit.OK


def _first(error: BaseException) -> BaseException:
    """Give the first cause inside the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tell(error: BaseException) -> int:
    """Say the error in a line (input: a line for each problem); give its exit status."""
    match error:
        case KeyboardInterrupt():
            return Exit.INTERRUPTED
        case InputError():
            for problem in error.problems[:PROBLEMS_SHOWN]:
                tell(f"collector: {one_line(problem)}")
            if (rest := len(error.problems) - PROBLEMS_SHOWN) > 0:
                tell(f"collector: … and {rest} more problems")
            return error.exit_status
        case CollectorError():
            tell(f"collector: {one_line(str(error))}")
            return error.exit_status
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context is not None else "collector"
            tell(f"collector: {one_line(usage_problem(error))} (see '{path} --help')")
            return Exit.USAGE
        case OSError(errno=errno.ENOSPC):  # help, to a full disk: data has its own words for that
            tell(f"collector: cannot write to standard output: {error.strerror}")
            return Exit.STORAGE
        case _:
            said = one_line(f"{type(error).__name__}: {error}")
            tell(f"collector: internal error: {said} (COLLECTOR_DEBUG=1 shows where)")
            return Exit.INTERNAL
