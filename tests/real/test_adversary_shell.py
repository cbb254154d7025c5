"""Misleading texts played by a script in real bash and dash behind OpenSSH: exact, or refused."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import Phase, given, seed, settings
from support.adversary import Output, outputs
from support.hosts import PASSWORD, Site
from support.wire import Manner, Part

from collector.credentials import Credentials, CredentialSpec
from collector.driver import DeviceConnector
from collector.driver.terminal import clean
from collector.errors import DeviceError
from collector.lab.terminal import Echo
from collector.model import CommandResult, CommandStatus, Device, HostKeys, Timeouts
from collector.platforms import load_platforms
from collector.settings import Settings

pytestmark = pytest.mark.real

CASES = int(os.environ.get("COLLECTOR_SHELL_CASES", "25"))
AT_ONCE = 13  # sessions, so that two cores answer as fast as is meant
LIMITS = Timeouts(connect=30, login=30, command=30)
NEXT = "echo the next one"


def drawn(prompt: bytes, echo: Echo, longest: float) -> list[Output]:
    """Draw the same cases every time."""
    cases: list[Output] = []
    manner = Manner(prompt=b"\r\n" + prompt, echo=echo)

    @seed(20)
    @settings(max_examples=CASES, database=None, deadline=None, phases=[Phase.generate])
    @given(outputs(manner, longest))
    def keep(output: Output) -> None:
        cases.append(output)

    keep()
    return cases


def written(folder: Path, name: str, case: Output) -> str:
    """Write the script that plays a case; give the command that runs it."""
    lines = []
    for number, part in enumerate(each for each in case.plays[0] if isinstance(each, Part)):
        piece = folder / f"{name}.{number}"
        piece.write_bytes(_typed(part.data))
        lines += [f"sleep {part.pause}"] if part.pause else []
        lines.append(f"cat {piece.name}")
    script = folder / name
    script.write_text("\n".join(lines))
    for each in folder.glob(f"{name}*"):
        each.chmod(0o644)
    return f"sh {name}"


def _typed(text: bytes) -> bytes:
    """Leave out what the terminal adds to a line end; a cut may have gone through the middle."""
    return text.replace(b"\r\n", b"\n")


async def asked(site: Site, number: int, command: str) -> list[CommandResult | str]:
    """Ask a command and another one after it; the class of the fault for what has no result."""
    spec = CredentialSpec(name="shell", username=site.username, password=PASSWORD)
    chosen = Settings(host_keys=HostKeys.OFF, known_hosts=Path("unused"))
    opener = DeviceConnector(chosen, load_platforms(), Credentials({"shell": spec}, {}))
    host = Device(
        name="host", host=site.address(number), port=2222, platform="linux", credential="shell"
    )
    results: list[CommandResult | str] = []
    try:
        session = await opener.open(host, LIMITS)
        try:
            for each in (command, NEXT):
                result = await session.run(each, timeout=LIMITS.command)
                results.append(result)  # at once: what an error ends is kept
        finally:
            for position in await session.finish():
                results[position] = "late bytes"
            await session.close()
    except DeviceError as error:
        results += [error.fault.fault_class.value] * (2 - len(results))
    return results


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("number", "echo", "longest"),
    [
        pytest.param(201, Echo.READLINE, 0.6, id="bash"),
        pytest.param(202, Echo.AT_ONCE, 0.3, id="dash"),
    ],
)
async def test_played_by_a_script_it_is_exact_or_refused(
    shells: Site, number: int, echo: Echo, longest: float
) -> None:
    prompt = f"{shells.username}@{os.uname().nodename}:~$ " if number == 201 else "$ "
    cases = drawn(prompt.encode(), echo, longest)
    admitted = asyncio.Semaphore(AT_ONCE)

    async def play(position: int, case: Output) -> list[CommandResult | str]:
        async with admitted:
            command = written(shells.home, f"case{number}-{position}", case)
            return await asked(shells, number, command)

    answers = await asyncio.gather(*(play(*each) for each in enumerate(cases)))

    whole = 0
    for case, (first, second) in zip(cases, answers, strict=True):
        for result, printed in ((first, clean(case.text)), (second, b"the next one\n")):
            if isinstance(result, CommandResult) and result.status is CommandStatus.OK:
                assert result.output == printed, case
                whole += 1
    assert whole > CASES, f"{whole} of {2 * CASES}: {answers}"
