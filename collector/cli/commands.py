"""Which commands there are, each with a line of help, and where it is when it is asked for.

Owns that a command's module is imported by that command alone: ``--help`` says these lines, and a
test holds them against what the modules say. Refuses to know what the commands do.
"""

from __future__ import annotations

import importlib
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperGroup


class Command(NamedTuple):
    """A command: a function, or a `typer.Typer` of several, in a module beside this one.

    ``epilog`` names what the module has to say below the help.
    """

    module: str
    name: str
    help: str
    epilog: str = ""


COMMANDS: Final = {
    "run": Command(
        module="run",
        name="run",
        help="Log in to every device at once, run commands, store every output.",
        epilog="EXAMPLES",
    ),
    "runs": Command(
        module="stored",
        name="runs",
        help="List the runs of the output folder: when, which job, how they ended.",
    ),
    "verify": Command(
        module="verify",
        name="verify",
        help="Hash every stored output again, and say what is damaged, missing or foreign.",
        epilog="EXAMPLES",
    ),
    "history": Command(
        module="looking_back",
        name="history",
        help="List the versions of a device's configuration, the newest first.",
        epilog="HISTORY",
    ),
    "diff": Command(
        module="looking_back",
        name="diff",
        help="Show what differs between two versions of a device's configuration, with its"
        " section.",
        epilog="DIFF",
    ),
    "show": Command(
        module="looking_back",
        name="show",
        help="Print a stored configuration, or a stored output of a command, byte for byte.",
        epilog="SHOW",
    ),
    "changes": Command(
        module="looking_back",
        name="changes",
        help="List what has changed in the configurations of all devices, the newest first.",
        epilog="CHANGES",
    ),
    "stale": Command(
        module="stale",
        name="stale",
        help="List the devices without a good backup that young, those never collected included.",
        epilog="EXAMPLES",
    ),
    "timings": Command(
        module="timings",
        name="timings",
        help="Say how long the commands of past runs took, and which time limits would fit.",
        epilog="EXAMPLES",
    ),
    "prune": Command(
        module="prune",
        name="prune",
        help="Remove stored runs that are old, but for their last good copies.",
        epilog="EXAMPLES",
    ),
    "doctor": Command(
        module="doctor",
        name="doctor",
        help="Go to each device step by step, up to one harmless command, and say what works.",
        epilog="EXAMPLES",
    ),
    "lab": Command(
        module="lab",
        name="lab",
        help="Serve the devices of an inventory on loopback, until interrupted.",
    ),
    "platforms": Command(
        module="platforms",
        name="platforms",
        help="List the platforms, the built-in ones and your own, with what a backup asks of each.",
    ),
    "import": Command(
        module="moving",
        name="app",
        help="Move in: take over the devices and the history of another collector.",
    ),
    "inventory": Command(
        module="inventory",
        name="app",
        help="Look at an inventory without connecting to anything.",
    ),
    "hostkeys": Command(
        module="hostkeys",
        name="app",
        help="The SSH host keys of devices: what is on file, and what devices show.",
    ),
    "report": Command(
        module="report",
        name="app",
        help="What stored runs tell of the fleet.",
    ),
    "schema": Command(
        module="schema",
        name="app",
        help="Print a JSON Schema, for completion and checks in an editor.",
    ),
}


class LateGroup(TyperGroup):
    """A group whose commands are stand-ins until one is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that the words mean, and put the real one in the place of it."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in and real(str(name)), rest


def register(app: typer.Typer) -> None:
    """Give a program of a `LateGroup` all commands, none of them imported."""
    for name, command in COMMANDS.items():
        app.command(name, help=command.help)(_stand_in)


def real(name: str) -> Any:
    """Import a command, and make of it what the parser calls."""
    wanted = COMMANDS[name]
    module = importlib.import_module(f"collector.cli.{wanted.module}")
    found = getattr(module, wanted.name)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.callback()(_stand_in)  # without it a holder of one command would be that command
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        epilog = getattr(module, wanted.epilog) if wanted.epilog else None
        holder.command(name, epilog=epilog)(found)
    group = typer.main.get_command(holder)
    assert isinstance(group, TyperGroup)
    return group.commands[name]


def _stand_in() -> None:
    """Stand for a command that is not imported yet."""
