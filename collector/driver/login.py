"""From an open channel to a prompt that commands can be asked at.

Owns the way there: the prompt is learned, the privileged mode entered where the platform needs it,
paging turned off. Nothing is sent that configures the device. Refuses to know how the channel came
about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from collector.credentials import Credential
from collector.driver.asking import Asking
from collector.driver.console import Console
from collector.driver.questions import PASSWORD
from collector.driver.stream import SETTLED
from collector.driver.template import visible
from collector.errors import DeviceError
from collector.model import FaultClass, Step
from collector.platforms import Platform

ANSWERED: Final = 5.0
"""Seconds of silence behind words that are no question, after which the device asks for nothing."""


Passed = Callable[[Step, str], None]
"""Hears of each step that was passed, with what came of it."""


def _unheard(step: Step, detail: str) -> None:
    """Let every step be."""


async def log_in(
    console: Console, platform: Platform, credential: Credential, passed: Passed = _unheard
) -> None:
    """Learn the prompt, enter the privileged mode, turn paging off; ``passed`` hears of each.

    Raises `DeviceError` of class `prompt`, `enable`, `timeout` or `disconnected`.
    """
    await console.learn()
    passed(Step.PROMPT, _prompt(console))
    if platform.enable and _ends_in(console, platform.enable.prompt_suffix):
        await _enable(console, platform, credential)
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


async def _enable(console: Console, platform: Platform, credential: Credential) -> None:
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
        mark = stream.say(credential.enable.encode() + console.newline)
        if await _asks_for_a_password(console, mark + 1):
            raise _not_enabled(console, "it rejected the enable password")
    await console.renew()
    if _ends_in(console, enable.prompt_suffix):
        raise _not_enabled(console, "its prompt still is that of the user mode")


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
