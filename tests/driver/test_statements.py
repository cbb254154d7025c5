"""What a device says of its authentication server: heard where it counts, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncssh
import pytest
from support.direct import connector, device

from collector.driver.statements import Statements
from collector.errors import DeviceError
from collector.lab import DeviceStats, Ending, Lab, LabDevice, TelnetLogin, Terminal
from collector.model import Device, Fault, FaultClass, Phase, Timeouts, Transport
from collector.platforms import load_platforms

WORDS = "Remote AAA servers unreachable; local authentication failed."
BACKUP = "% Backup authentication"
MOTD = f"*** {WORDS}\n{WORDS}\nNo Tacacs servers responding\n"
SHORT = Timeouts(connect=2.0, login=2.0)

AWAY = (FaultClass.AUTH_UNREACHABLE, Phase.AUTH)
REJECTED = (FaultClass.AUTH, Phase.AUTH)


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("generic", "Remote TACACS servers unreachable"),
        ("generic", "No Tacacs servers responding"),
        ("generic", "% Authentication server not responding"),
        ("generic", "Error: AAA server unreachable."),
        ("generic", "All RADIUS servers failed to respond."),
        ("generic", "TACACS+ servers are not reachable: local password"),
        ("generic", "No response from the authentication servers"),
        ("cisco_nxos", WORDS),
        ("cisco_ios", BACKUP),
        ("cisco_iosxe", BACKUP),
    ],
)
def test_the_words_of_devices(platform: str, line: str) -> None:
    said = Statements(load_platforms()[platform].auth_unreachable)
    assert said.says(line)


@pytest.mark.parametrize("platform", [*load_platforms()])
@pytest.mark.parametrize(
    "line",
    [
        "% Authentication failed",
        "% Error in authentication.",
        "% Login invalid",
        "Login incorrect",
        "Permission denied, please try again.",
        "RADIUS server 192.0.2.1 failed to respond",  # the next one may have rejected it
        "Connecting to secondary Tacacs server",
        "If the TACACS server is unreachable, use your local account.",
        "Access is checked by the AAA servers; they are not available to guests",
        "Password: ",
        "Username: admin",
    ],
)
def test_what_says_nothing_of_the_server(platform: str, line: str) -> None:
    said = Statements(load_platforms()[platform].auth_unreachable)
    assert not said.says(line)


def hearing(*, has_next: bool = True) -> Statements:
    return Statements(load_platforms()["cisco_nxos"].auth_unreachable, has_next=has_next)


class TestWhatCounts:
    def test_not_what_is_shown_to_everyone(self) -> None:
        said = hearing()
        said.hear(MOTD)
        said.answered()
        assert not said.words

    def test_not_what_was_shown_to_everyone_and_is_shown_again(self) -> None:
        said = hearing()
        said.hear(MOTD)
        said.answered()
        said.hear(f"\r\nLogin incorrect\r\n\r\n{MOTD}login: ")
        said.hear(MOTD, is_challenge=True)
        assert not said.words

    def test_what_comes_after_an_answer(self) -> None:
        said = hearing()
        said.hear("Welcome\r\n")
        said.answered()
        said.hear(f"\r\n\x07{WORDS}\r\nlogin: ")
        assert said.words == WORDS

    def test_what_stands_in_a_challenge(self) -> None:
        said = hearing()
        said.hear(f"{WORDS}\nPassword: ", is_challenge=True)
        assert said.words == WORDS
        assert said.is_enough
        assert not hearing(has_next=False).is_enough

    def test_nothing_of_a_device_that_shows_more_than_is_remembered(self) -> None:
        said = hearing()
        said.hear("".join(f"line {number}\n" for number in range(5000)) + WORDS)
        said.answered()
        said.hear(WORDS)
        assert not said.words

    @pytest.mark.parametrize(
        ("fault_class", "phase", "is_named"),
        [
            (FaultClass.AUTH, Phase.AUTH, True),
            (FaultClass.DISCONNECTED, Phase.AUTH, True),
            (FaultClass.TIMEOUT, Phase.AUTH, True),
            (FaultClass.BUSY, Phase.AUTH, False),
            (FaultClass.JUMP, Phase.AUTH, False),
            (FaultClass.ENABLE, Phase.LOGIN, False),
            (FaultClass.DISCONNECTED, Phase.LOGIN, False),
            (FaultClass.TIMEOUT, Phase.CONNECT, False),
            (FaultClass.HOSTKEY, Phase.HOSTKEY, False),
        ],
    )
    def test_only_the_end_of_a_login_has_its_name_by_them(
        self, fault_class: FaultClass, phase: Phase, is_named: bool
    ) -> None:
        said = hearing()
        error = DeviceError.of(fault_class, phase, "as it ended", evidence=b"seen")
        assert said.judged(error) is error
        said.hear(WORDS, is_challenge=True)
        found = said.judged(error)
        assert found.evidence == b"seen"
        assert (found.fault.fault_class is FaultClass.AUTH_UNREACHABLE) is is_named
        assert (WORDS in found.fault.message) is is_named


def target(
    port: int, transport: Transport, *fallbacks: str, platform: str = "cisco_nxos"
) -> Device:
    return replace(device("r1", port, platform), transport=transport, fallbacks=fallbacks)


async def fault_of(target: Device, password: str = "wrong") -> Fault:
    with pytest.raises(DeviceError) as caught:
        await connector(password=password).open(target, SHORT)
    assert password.encode() not in caught.value.evidence
    return caught.value.fault


async def refused(lab_device: LabDevice, *fallbacks: str) -> tuple[FaultClass, Phase]:
    """Log in with a wrong password; the device sees it once."""
    async with Lab([lab_device]) as lab:
        port = lab.port(lab_device.name)
        fault = await fault_of(target(port, lab_device.transport, *fallbacks))
        assert lab.stats[lab_device.name].rejected_logins == 1
    return fault.fault_class, fault.phase


def saying(
    transport: Transport, *, to_everyone: str = "", to_a_wrong_one: str = "", attempts: int = 3
) -> LabDevice:
    manner = TelnetLogin(
        greeting=f"\n{to_everyone}", refused=f"{to_a_wrong_one}\nLogin incorrect\n\n"
    )
    return LabDevice(
        name="r1",
        platform="cisco_nxos",
        transport=transport,
        banner=to_everyone,
        refused=to_a_wrong_one,
        telnet=replace(manner, attempts=attempts),
    )


TRANSPORTS = pytest.mark.parametrize("transport", Transport)
LISTED = pytest.mark.parametrize("fallbacks", [(), ("own",)])


@TRANSPORTS
@LISTED
class TestADevice:
    async def test_that_says_it_and_rejects(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        assert await refused(saying(transport, to_a_wrong_one=WORDS), *fallbacks) == AWAY

    async def test_that_says_it_and_hangs_up(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        mute = saying(transport, to_a_wrong_one=WORDS, attempts=1)
        assert await refused(mute, *fallbacks) == AWAY

    async def test_that_says_nothing_and_rejects(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        assert await refused(saying(transport), *fallbacks) == REJECTED

    async def test_that_says_it_to_everyone_and_rejects(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        assert await refused(saying(transport, to_everyone=MOTD), *fallbacks) == REJECTED

    async def test_that_says_it_to_everyone_each_time(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        always = saying(transport, to_everyone=MOTD, to_a_wrong_one=MOTD)
        assert await refused(always, *fallbacks) == REJECTED

    async def test_that_says_it_and_accepts(
        self, transport: Transport, fallbacks: tuple[str, ...]
    ) -> None:
        async with Lab([saying(transport, to_everyone=MOTD)]) as lab:
            session = await connector().open(
                target(lab.port("r1"), transport, *fallbacks), Timeouts()
            )
            await session.close()
            assert lab.stats["r1"].logins == 1


ASKS_FOR_NAME, ASKS, ANSWER = b"\r\nUsername: ", b"\r\nPassword: ", b""
SAYS = b"\r\n% Backup authentication\r\n"


async def told(*steps: bytes, platform: str = "cisco_ios", listed: bool) -> tuple[Fault, list[str]]:
    """Play a telnet login in which an answer is read at each empty step; then hang up."""

    async def shell(terminal: Terminal, _: LabDevice, stats: DeviceStats) -> Ending:
        shown = b""
        for step in steps:
            if step:
                await terminal.send(step)
            else:
                line = await terminal.read_line(hidden=shown.endswith(ASKS))
                stats.lines.append(line.decode())
            shown = step or shown
        return Ending.EXIT

    open_door = LabDevice(name="r1", platform="play", transport=Transport.TELNET, password=None)
    async with Lab([open_door], shells={"play": shell}) as lab:
        fallbacks = ("own",) if listed else ()
        fault = await fault_of(
            target(lab.port("r1"), Transport.TELNET, *fallbacks, platform=platform)
        )
        return fault, list(lab.stats["r1"].lines)


class TestTelnetDialogue:
    async def test_the_password_is_not_sent_where_another_one_is_asked_for(self) -> None:
        fault, lines = await told(
            *(ASKS_FOR_NAME, ANSWER, SAYS, ASKS, ANSWER, b"\r\nLogin incorrect\r\n"), listed=True
        )
        assert (fault.fault_class, fault.phase) == AWAY
        assert BACKUP in fault.message
        assert lines == ["admin"]

    async def test_it_is_sent_where_there_is_no_other_one_and_judged(self) -> None:
        fault, lines = await told(
            *(ASKS_FOR_NAME, ANSWER, SAYS, ASKS, ANSWER, b"\r\nLogin incorrect\r\n"), listed=False
        )
        assert (fault.fault_class, fault.phase) == REJECTED
        assert lines == ["admin", "wrong"]

    async def test_the_name_is_given_again_to_a_device_that_begins_anew(self) -> None:
        again = (SAYS, ASKS_FOR_NAME, ANSWER, ASKS, ANSWER, b"\r\nLogin incorrect\r\n")
        fault, lines = await told(ASKS_FOR_NAME, ANSWER, *again, listed=False)
        assert (fault.fault_class, fault.phase) == REJECTED
        assert lines == ["admin", "admin", "wrong"]

    async def test_no_password_is_given_again(self) -> None:
        fault, lines = await told(
            *(ASKS_FOR_NAME, ANSWER, ASKS, ANSWER, SAYS, ASKS_FOR_NAME, ANSWER, ASKS, ANSWER),
            listed=False,
        )
        assert (fault.fault_class, fault.phase) == AWAY
        assert lines == ["admin", "wrong"]

    async def test_a_banner_that_ends_in_the_question_itself(self) -> None:
        fault, _ = await told(
            *(b"\r\nTACACS servers unreachable. Username: ", ANSWER, ASKS, ANSWER, b"\r\nno\r\n"),
            *(b"\r\nTACACS servers unreachable. Username: ",),
            listed=True,
        )
        assert (fault.fault_class, fault.phase) == REJECTED


class Host(asyncssh.SSHServer):
    """Asks by keyboard-interactive alone, and does as it is told."""

    def __init__(self, play: Player) -> None:
        self._play = play

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        return (self._play.name, self._play.instruction, "", [(self._play.prompt, False)])

    def validate_kbdint_response(
        self, username: str, responses: Sequence[str]
    ) -> bool | tuple[str, str, str, list[tuple[str, bool]]]:
        if responses:
            self._play.seen += responses
            if self._play.disconnect:
                raise asyncssh.DisconnectError(
                    asyncssh.DISC_SERVICE_NOT_AVAILABLE, self._play.disconnect
                )
            if self._play.afterwards:
                return ("", self._play.afterwards, "", [])
        return False


class Player:
    """What a `Host` shows: in a challenge, after the answer, and when it hangs up."""

    def __init__(
        self,
        *,
        name: str = "",
        instruction: str = "",
        prompt: str = "Password: ",
        afterwards: str = "",
        disconnect: str = "",
    ) -> None:
        self.name, self.instruction, self.prompt = name, instruction, prompt
        self.afterwards, self.disconnect = afterwards, disconnect
        self.seen: list[str] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: Host(self), server_host_keys=[key]
        )
        try:
            yield server.get_port()
        finally:
            server.close()
            await server.wait_closed()


IN_A_CHALLENGE = pytest.mark.parametrize(
    "play",
    [
        {"name": WORDS},
        {"instruction": f"Attention\n{WORDS}\n"},
        {"prompt": f"{WORDS}\nPassword: "},
        {"prompt": "AAA servers are unreachable, local password: "},
    ],
)


class TestKeyboardInteractive:
    @IN_A_CHALLENGE
    async def test_the_password_is_not_sent_where_another_one_is_asked_for(
        self, play: dict[str, str]
    ) -> None:
        host = Player(**play)
        async with host.serving() as port:
            fault = await fault_of(target(port, Transport.SSH, "own"))
        assert (fault.fault_class, fault.phase) == AWAY
        assert host.seen == []

    @IN_A_CHALLENGE
    async def test_it_is_sent_where_there_is_no_other_one_and_judged(
        self, play: dict[str, str]
    ) -> None:
        host = Player(**play)
        async with host.serving() as port:
            fault = await fault_of(target(port, Transport.SSH))
        assert (fault.fault_class, fault.phase) == REJECTED
        assert host.seen == ["wrong"]

    @pytest.mark.parametrize("play", [{"afterwards": WORDS}, {"disconnect": WORDS}])
    async def test_what_is_said_to_the_answer(self, play: dict[str, str]) -> None:
        host = Player(**play)
        async with host.serving() as port:
            fault = await fault_of(target(port, Transport.SSH, "own"))
        assert (fault.fault_class, fault.phase) == AWAY
        assert host.seen == ["wrong"]

    @pytest.mark.parametrize(
        "play", [{}, {"afterwards": "Login incorrect"}, {"instruction": "Authorised users only"}]
    )
    async def test_a_plain_rejection(self, play: dict[str, str]) -> None:
        host = Player(**play)
        async with host.serving() as port:
            fault = await fault_of(target(port, Transport.SSH, "own"))
        assert (fault.fault_class, fault.phase) == REJECTED
        assert host.seen == ["wrong"]

    async def test_words_of_another_connection_are_forgotten(self) -> None:
        host = Player(afterwards=WORDS)
        opener = connector(password="wrong")
        found = []
        async with host.serving() as port:
            for said in (WORDS, ""):
                host.afterwards = said
                with pytest.raises(DeviceError) as caught:
                    await opener.open(target(port, Transport.SSH, "own"), SHORT)
                found.append((caught.value.fault.fault_class, caught.value.fault.phase))
        assert found == [AWAY, REJECTED]

    async def test_one_question_too_many_is_not_answered(self) -> None:
        host = Player(prompt="Token: ")
        async with host.serving() as port:
            fault = await fault_of(target(port, Transport.SSH))
        assert (fault.fault_class, fault.phase) == REJECTED
        assert host.seen == []
