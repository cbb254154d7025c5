"""What a device's result means for its backup: the text that is kept, or why there is none.

Owns which results are good for the history, and how several outputs make one file. Refuses to know
where a file lies and how two are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from collector.model import Change, CommandStatus, DeviceResult

WRITTEN: Final = frozenset({Change.NEW, Change.CHANGED, Change.SECRET_ONLY})
"""Of these the new text is kept; with the others the old one stays."""


def text_of(outputs: Sequence[tuple[str, bytes]]) -> bytes:
    r"""Make a file of outputs: the only one as it is, several each under a line that names it.

    >>> text_of([("show run", b"hostname r1\nend")])
    b'hostname r1\nend'
    >>> text_of([("ip route show", b"default dev eth0"), ("uname -a", b"Linux\n")])
    b'##### ip route show\ndefault dev eth0\n##### uname -a\nLinux\n'
    """
    if len(outputs) == 1:
        return outputs[0][1]
    return b"".join(
        f"##### {command}\n".encode() + output + (b"" if output.endswith(b"\n") else b"\n")
        for command, output in outputs
    )


def good_outputs(result: DeviceResult, commands: Sequence[str]) -> dict[str, bytes] | Change:
    """Give the outputs of these commands, or what it means that one of them is not good."""
    found = {each.command: each for each in result.commands if each.command in commands}
    statuses = [found[name].status if name in found else None for name in commands]
    if all(status is CommandStatus.OK for status in statuses):
        return {name: found[name].output for name in commands}
    bad = {status for status in statuses if status is not CommandStatus.OK}
    return Change.SUSPECT if bad == {CommandStatus.SUSPECT} else Change.FAILED


def whole_change(changes: Iterable[Change]) -> Change:
    """Say in one word what became of a device that has several files.

    >>> whole_change([Change.UNCHANGED, Change.NEW])
    <Change.CHANGED: 'changed'>
    >>> whole_change([Change.UNCHANGED, Change.VOLATILE_ONLY])
    <Change.VOLATILE_ONLY: 'volatile-only'>
    """
    found = set(changes)
    if len(found) > 1 and found & {Change.NEW, Change.CHANGED}:
        return Change.CHANGED
    order = (Change.CHANGED, Change.NEW, Change.SECRET_ONLY, Change.VOLATILE_ONLY)
    return next((change for change in order if change in found), Change.UNCHANGED)
