"""Telnet underneath a session: the option bytes, and the login dialogue.

Owns a reader that takes the place of scrapli's: at the end of the stream that one returns nothing
for ever, answers options it finds in the text, and loses what follows a doubled 0xFF. Refuses to
know of prompts and commands.
"""

from __future__ import annotations

import re
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from typing import Final

from collector.credentials import Credential
from collector.driver.questions import PASSWORD, USERNAME
from collector.driver.statements import Statements
from collector.driver.stream import SETTLED, Stream
from collector.driver.template import visible
from collector.errors import DeviceError
from collector.model import FaultClass, Phase

IAC, DONT, DO, WONT, WILL, SB, SE = (bytes([n]) for n in (255, 254, 253, 252, 251, 250, 240))
ECHO, SUPPRESS_GO_AHEAD = b"\x01", b"\x03"
FIRST_VERB: Final = 236
"""The least byte that is a command behind 0xFF (RFC 1184); before others the 0xFF is text."""
LONGEST: Final = 1024
"""Bytes in which a subnegotiation ends; where it does not, the device doubles no 0xFF in text."""

_SUBNEGOTIATION: Final = re.compile(rb"\xff\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0")
_REFUSAL: Final = re.compile(
    rb"log-?in (?:incorrect|invalid|failed)|authentication (?:failed|rejected)|access denied"
    rb"|(?:bad|wrong|invalid) (?:pass|secret|user)",
    re.IGNORECASE,
)
"""What a device says to a wrong password before it asks again."""
_RENEWAL: Final = re.compile(rb"\b(?:new|old|current|change|retype)\b", re.IGNORECASE)
"""What tells a question about an expired password from the one for the password."""


class TelnetReader:
    """Reads text and answers options (RFC 854, 857, 858), also where packets split them."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self._theirs: set[bytes] = set()
        self._ours: set[bytes] = set()
        self._declined: set[bytes] = set()

    async def read(self) -> bytes:
        """Give the next text; none at the end of the stream."""
        while data := await self._reader.read(65_536):
            if text := self._text(self._rest + data):
                return text
        rest, self._rest = self._rest, b""
        return rest

    def _text(self, data: bytes) -> bytes:
        pieces, at = [], 0
        while (iac := data.find(IAC, at)) >= 0:
            pieces.append(data[at:iac])
            end = self._command(data, iac)
            if end is None:
                at = iac
                break
            if end == iac:
                pieces.append(IAC)
                end = iac + 1
            elif data[iac:end] == IAC + IAC:
                pieces.append(IAC)
            at = end
        else:
            pieces.append(data[at:])
            at = len(data)
        self._rest = data[at:]
        text = b"".join(pieces)
        if text.endswith(b"\r"):  # the NUL or line feed that belongs to it is still to come
            self._rest = b"\r" + self._rest
            text = text[:-1]
        return text.replace(b"\r\0", b"\r")

    def _command(self, data: bytes, iac: int) -> int | None:
        """Obey the command at ``iac``; give where it ends.

        None when it is not whole yet, ``iac`` when it is none: some devices double no 0xFF.
        """
        verb, option = data[iac + 1 : iac + 2], data[iac + 2 : iac + 3]
        if verb and verb[0] < FIRST_VERB:
            return iac
        if verb == SB:
            if found := _SUBNEGOTIATION.match(data, iac, iac + LONGEST):
                return found.end()
            return None if len(data) < iac + LONGEST else iac
        if verb not in (b"", DO, DONT, WILL, WONT):
            return iac + 2
        if not option:
            return None
        if answer := self._answer(verb, option):
            self._writer.write(IAC + answer + option)
        return iac + 3

    def _answer(self, verb: bytes, option: bytes) -> bytes:
        """Let the device echo and suppress go-ahead; decline the rest, each once.

        What changes nothing is not answered: two ends that do would never stop (RFC 854).
        """
        if verb in (WILL, WONT):
            agreed, wanted, yes, no = self._theirs, option in (ECHO, SUPPRESS_GO_AHEAD), DO, DONT
        else:
            agreed, wanted, yes, no = self._ours, option == SUPPRESS_GO_AHEAD, WILL, WONT
        if verb in (WONT, DONT):
            if option not in agreed:
                return b""
            agreed.remove(option)
            return no
        if wanted:
            answer = b"" if option in agreed else yes
            agreed.add(option)
            return answer
        answer = b"" if verb + option in self._declined else no
        self._declined.add(verb + option)
        return answer


async def log_in(
    stream: Stream,
    credential: Credential,
    newline: bytes,
    statements: Statements,
    before: Callable[[], None],
) -> None:
    """Answer the device's questions for a name and a password, each once; ``before`` the first.

    ``statements`` hears what the device says meanwhile: the password is not sent where that is
    enough, and the name is given once more where the device begins anew with another way to judge
    it. Raises `DeviceError` of class `auth` when it asks again or hangs up after the password,
    and `busy` when it hangs up before it asks: no line is free.
    """
    stream.phase = Phase.AUTH
    answered = False
    named = heard = 0
    while True:
        try:
            line = await _next_line(stream, statements, named=named > 0, answered=answered)
        finally:  # what it said before it hung up counts, too
            statements.hear(_text(stream.heard[heard:]))
        _go_on(stream, statements, answered=answered)
        if answered and _RENEWAL.search(line):
            return  # whoever learns the prompt sees that a question stands in its place
        if USERNAME.search(line):
            if answered or named > bool(statements.words):
                raise _rejected(stream)
            if not named:
                before()
            named += 1
            statements.answered()
            heard = stream.say(credential.username.encode() + newline)
        elif PASSWORD.search(line):
            if answered:
                raise _rejected(stream)
            answered = True
            if not named:
                before()
            statements.answered()
            heard = stream.say((credential.password or "").encode() + newline)
        elif answered and _REFUSAL.search(line):
            raise _rejected(stream)
        else:
            return


def _go_on(stream: Stream, statements: Statements, *, answered: bool) -> None:
    """End the login before the password is sent, where another credential is the one to send."""
    if statements.is_enough and not answered:
        raise _rejected(stream)  # it gets its name by what was said


async def _next_line(
    stream: Stream, statements: Statements, *, named: bool, answered: bool
) -> bytes:
    """Wait until the device stands at a line that is not empty and says no more.

    Where it says that its authentication server cannot be reached, a question or its end follows.
    """
    try:
        mark = len(stream.heard)
        while True:
            await stream.until(mark + 1)
            await stream.quiet(SETTLED)
            line = visible(stream.last_line()).strip(b"\r\0")
            if line and not ((named or answered) and statements.says(_text(line).strip())):
                return line
            mark = len(stream.heard)
    except DeviceError as error:
        if error.fault.fault_class is not FaultClass.DISCONNECTED:
            raise
        if answered:
            raise _rejected(stream) from error
        if not named:
            raise _no_line_free(stream) from error
        raise


def _text(heard: bytes | bytearray) -> str:
    return visible(bytes(heard)).decode("utf-8", "replace")


def _rejected(stream: Stream) -> DeviceError:
    return stream.error(
        FaultClass.AUTH,
        "the device rejected the credential",
        "check the credential by hand; it is not tried again in this run",
    )


def _no_line_free(stream: Stream) -> DeviceError:
    return stream.error(
        FaultClass.BUSY,
        "the device closed the connection before it asked for anything",
        "no session is free on the device, or it admits other addresses only",
    )
