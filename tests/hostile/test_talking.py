"""Devices that misbehave: the whole output or the right class, and nothing spilled.

Every mode is played over a line without a network in warped time, and over SSH and telnet on
loopback, where all of them are talked to at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from support import warp
from support.hostile import Heard, heard_on_wire, heard_over_network, served
from support.modes import FIRST, LETTER_BY_LETTER, OPENINGS, SECOND, TALKING, VERSION, Mode
from support.sockets import becomes_true, open_sockets

from collector.model import CommandStatus, FaultClass, Phase, Proof, Transport

OVER_SSH = {**{f"opening: {name}": mode for name, mode in OPENINGS.items()}, **TALKING}
# Over telnet only its first words tell that a device has taken the login: until then a silence is
# one of the phase `auth`, and hanging up after the password is how some devices reject it.
NO_WORDS = {"link: the link drops at login", "silence: after login", "silence: after the banner"}
OVER_TELNET = {
    name: replace(mode, phase=Phase.AUTH) if mode.fault is FaultClass.BUSY else mode
    for name, mode in TALKING.items()
    if name not in NO_WORDS
}
AT_ONCE = 24


def check(mode: Mode, heard: Heard) -> None:
    """Hold what the driver made of a device against the promise."""
    if mode.phase:
        check_over(mode, heard)
        return
    assert heard.error is None, heard.error
    first, second = heard.results
    if mode.fault:
        assert first.status is not CommandStatus.OK
        assert first.fault is not None
        assert first.fault.fault_class is mode.fault
        assert (first.output, first.proofs) == (b"", ())
    else:
        assert first.status is CommandStatus.OK, first.fault
        assert mode.whole is not None
        assert first.output == mode.whole
        assert first.notes == mode.notes
        assert Proof.PROBE in first.proofs or Proof.WEAK in first.proofs
        assert first.encoding == mode.encoding
    assert second.status is CommandStatus.OK, second.fault
    assert second.output == VERSION.replace(b"\r\n", b"\n")
    assert heard.condemned == mode.condemned


def check_over(mode: Mode, heard: Heard) -> None:
    """Hold the fault that ended the session against the promise, and the time it took."""
    assert heard.error is not None, heard.results
    fault = heard.error.fault
    assert (fault.fault_class, fault.phase) == (mode.fault, mode.phase), fault.message
    assert not heard.results
    if mode.phase is Phase.COMMAND:
        assert heard.error.evidence


def check_time(mode: Mode, heard: Heard, grace: float) -> None:
    """Hold the limit that was running when the session ended against the time it took."""
    if mode.phase is Phase.COMMAND:
        assert heard.asking <= mode.limits.command + grace
    elif mode.phase in {Phase.CONNECT, Phase.KEX}:
        assert heard.opening <= mode.limits.connect + grace
    elif mode.phase:
        assert heard.opening <= mode.limits.login + grace


@pytest.mark.parametrize("name", TALKING)
def test_over_a_line(name: str) -> None:
    mode = TALKING[name]
    heard = warp.run(
        heard_on_wire(
            mode.script,
            (mode.command, SECOND),
            platform=mode.platform,
            limits=mode.limits,
            output_limit=mode.output_limit,
            idle=mode.idle,
        )
    )
    check(mode, heard)
    check_time(mode, heard, 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_an_echo_that_is_not_understood_is_never_taken_for_one_that_is(seed: int) -> None:
    script = LETTER_BY_LETTER.script
    heard = warp.run(heard_on_wire(script, (FIRST, SECOND), seed=seed))
    for result in heard.results:
        truth = LETTER_BY_LETTER.whole if result.command == FIRST else VERSION
        assert truth is not None
        assert result.output in {b"", truth.replace(b"\r\n", b"\n")}
        assert (result.output == b"") is (result.status is not CommandStatus.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverNetwork:
    """What was made of all the devices, and the sockets before and after."""

    heard: Mapping[str, Heard]
    sockets: tuple[int, int]


@pytest.fixture(scope="module")
def over_ssh() -> OverNetwork:
    """Talk to every device over SSH, some at a time so that their clocks mean something."""
    return asyncio.run(_all_over(Transport.SSH, OVER_SSH))


@pytest.fixture(scope="module")
def over_telnet() -> OverNetwork:
    """Talk to every device over telnet; what goes wrong before a login is the transport's own."""
    return asyncio.run(_all_over(Transport.TELNET, OVER_TELNET))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", OVER_SSH)
def test_over_ssh(name: str, over_ssh: OverNetwork) -> None:
    _check_networked(OVER_SSH[name], over_ssh.heard[name])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", OVER_TELNET)
def test_over_telnet(name: str, over_telnet: OverNetwork) -> None:
    _check_networked(OVER_TELNET[name], over_telnet.heard[name])


def test_no_socket_is_left_open(over_ssh: OverNetwork, over_telnet: OverNetwork) -> None:
    for over in (over_ssh, over_telnet):
        before, after = over.sockets
        assert after <= before  # one of an earlier test may be collected as garbage meanwhile


def _check_networked(mode: Mode, heard: Heard) -> None:
    check(mode, heard)
    # Hanging up may take a second more, and the machine may be busy: the limits themselves are
    # held to their second in warped time.
    check_time(mode, heard, 3.0)


async def _all_over(transport: Transport, modes: Mapping[str, Mode]) -> OverNetwork:
    places = asyncio.Semaphore(AT_ONCE)
    async with served({name: mode.script for name, mode in modes.items()}, transport) as lab:
        before = open_sockets()

        async def one(name: str, mode: Mode) -> Heard:
            async with places:
                heard = await heard_over_network(
                    lab,
                    name,
                    (mode.command, SECOND),
                    platform=mode.platform,
                    limits=mode.limits,
                    output_limit=mode.output_limit,
                    idle=mode.idle,
                )
                await becomes_true(lambda: not lab.stats[name].open)
                return heard

        heard = await asyncio.gather(*(one(name, mode) for name, mode in modes.items()))
        await becomes_true(lambda: open_sockets() <= before)
        every = dict(zip(modes, heard, strict=True))
        return OverNetwork(heard=every, sockets=(before, open_sockets()))
