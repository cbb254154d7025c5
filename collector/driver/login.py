"""From an open channel to a prompt that commands can be asked at.

Owns the way there: the prompt is learned, the privileged mode entered where the platform needs it,
paging turned off. Nothing is sent that configures the device. Refuses to know how the channel came
about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from collector.credentials import Credential
from collector.driver.asking import Asking
from collector.driver.console import Console
from collector.driver.questions import PASSWORD
from collector.driver.stream import SETTLED
from collector.driver.template import visible
from collector.errors import DeviceError
from collector.model import FaultClass, Phase, Step
from collector.platforms import Platform

ANSWERED: Final = 5.0
"""Seconds of silence behind words that are no question, after which the device asks for nothing."""


Passed = Callable[[Step, str], None]
"""Hears of each step that was passed, with what came of it."""


Leave = Callable[[], Awaitable[None]]
"""Waits until the enable secret may be sent; raises `DeviceError` where it may not."""

_HUNG_UP: Final = frozenset({FaultClass.DISCONNECTED, FaultClass.BUSY})


def _unheard(step: Step, detail: str) -> None:
    """Let every step be."""


async def _at_once() -> None:
    """Let the secret be sent."""


async def log_in(
    console: Console,
    platform: Platform,
    credential: Credential,
    passed: Passed = _unheard,
    leave: Leave = _at_once,
) -> None:
    """Learn the prompt, enter the privileged mode, turn paging off; ``passed`` hears of each.

    ``leave`` is awaited before the enable secret is sent. Raises `DeviceError` of class `prompt`,
    `enable`, `timeout`, `disconnected` or `busy`, and what ``leave`` raises.
    """
    await console.learn()
    passed(Step.PROMPT, _prompt(console))
    if platform.enable and _ends_in(console, platform.enable.prompt_suffix):
        await _enable(console, platform, credential, leave)
        passed(Step.ENABLE, _prompt(console))
    await _turn_paging_off(console, platform)
    passed(Step.PAGING, ", ".join(platform.paging_off) or "nothing to turn off")


async def _turn_paging_off(console: Console, platform: Platform) -> None:
    commands = [command.encode() for command in platform.paging_off]
    if console.keeps_typed_ahead and commands:
        await console.pass_by(commands)
        return
    if console.template.undecided:
        for command in commands:
            console.stream.say(command + console.newline)
            await console.resynchronise()
        telling = platform.version or ("show version",)
        await console.settle_line_end([command.encode() for command in telling])
        return
    for command in commands:
        # Its output is of no use, so the prompt is believed: the next command's echo is the check.
        await Asking(console, command, platform.pagers, probing=False).whole()


async def _enable(
    console: Console, platform: Platform, credential: Credential, leave: Leave
) -> None:
    """Enter the privileged mode; the secret is sent once and only to the device's own question."""
    enable = platform.enable
    assert enable is not None
    stream = console.stream
    stream.forget()
    command = enable.command.encode()
    mark = stream.say(command + console.newline)
    if await _asks_for_a_password(console, mark + len(console.template.echo(command))):
        if not credential.enable:
            raise _not_enabled(console, "it asks for a password, and the credential has none")
        await _wait_to_answer(console, leave)
        try:
            mark = stream.say(credential.enable.encode() + console.newline)
            if await _asks_for_a_password(console, mark + 1):
                raise _not_enabled(console, "it rejected the enable password")
            await console.renew()
        except DeviceError as error:
            raise _having_sent(console, error) from error
    else:
        await console.renew()
    if _ends_in(console, enable.prompt_suffix):
        raise _not_enabled(console, "its prompt still is that of the user mode")


async def _wait_to_answer(console: Console, leave: Leave) -> None:
    """Wait for leave to answer the question, and see that it still is asked then."""
    stream = console.stream
    with stream.held():
        await leave()
    await stream.more(0)  # raises where the device hung up meanwhile
    if not PASSWORD.search(visible(stream.last_line())):
        raise stream.error(
            FaultClass.BUSY,
            "the device asks for the enable password no more: others were being tried with it",
            "let it wait longer for an answer, or raise limits.trial",
        )


def _having_sent(console: Console, error: DeviceError) -> DeviceError:
    """Name what went wrong once the device had the secret, so that it is not sent there again."""
    if error.fault.fault_class in _HUNG_UP:
        return _not_enabled(console, "it closed the session on the enable password")
    if error.fault.fault_class is FaultClass.JUMP:
        return DeviceError(replace(error.fault, phase=Phase.AUTH), error.evidence)
    return error


def _not_enabled(console: Console, why: str) -> DeviceError:
    return console.stream.error(
        FaultClass.ENABLE,
        f"the device did not enter the privileged mode: {why}",
        "check the credential's 'enable' secret and the account's privilege",
    )


async def _asks_for_a_password(console: Console, length: int) -> bool:
    """Wait for the question, or for a prompt where the device asks nothing."""
    stream = console.stream
    await stream.until(length)
    while True:
        line = visible(stream.last_line())
        if PASSWORD.search(line):
            return True
        if line.rstrip().endswith((b"#", b">", b"$", b"%")) and not await stream.more(SETTLED):
            return False
        if await stream.more(ANSWERED):
            continue
        if line.strip():
            return False
        await stream.more()  # it has yet to say anything: an AAA server may take its time


def _prompt(console: Console) -> str:
    return visible(console.template.prompt).decode("utf-8", "replace").strip()


def _ends_in(console: Console, suffix: str) -> bool:
    return visible(console.template.prompt).rstrip().endswith(suffix.encode())
