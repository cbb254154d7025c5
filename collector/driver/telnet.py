"""Telnet underneath a session: the option bytes, and the login dialogue.

Owns a reader that takes the place of scrapli's: at the end of the stream that one returns nothing
for ever, answers options it finds in the text, and loses what follows a doubled 0xFF. Refuses to
know of prompts and commands.
"""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from typing import Final

from collector.credentials import Credential
from collector.driver.questions import PASSWORD, USERNAME
from collector.driver.stream import Stream
from collector.driver.template import visible
from collector.errors import DeviceError
from collector.model import FaultClass, Phase

IAC, DONT, DO, WONT, WILL, SB, SE = (bytes([n]) for n in (255, 254, 253, 252, 251, 250, 240))
ECHO, SUPPRESS_GO_AHEAD = b"\x01", b"\x03"
SETTLED: Final = 0.12


class TelnetReader:
    """Reads text and answers options (RFC 854, 857, 858), also where packets split them."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self._agreed: set[bytes] = set()

    async def read(self) -> bytes:
        """Give the next text; none at the end of the stream."""
        while data := await self._reader.read(65_536):
            if text := self._text(self._rest + data):
                return text
        return b""

    def _text(self, data: bytes) -> bytes:
        pieces, at = [], 0
        while (iac := data.find(IAC, at)) >= 0:
            pieces.append(data[at:iac])
            end = self._option(data, iac)
            if end is None:
                at = iac
                break
            if data[iac:end] == IAC + IAC:
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

    def _option(self, data: bytes, iac: int) -> int | None:
        """Answer the option at ``iac``; give where it ends, None when it is not whole yet."""
        verb = data[iac + 1 : iac + 2]
        if not verb:
            return None
        if verb == SB:
            end = data.find(IAC + SE, iac)
            return None if end < 0 else end + 2
        if verb not in (DO, DONT, WILL, WONT):
            return iac + 2
        option = data[iac + 2 : iac + 3]
        if not option:
            return None
        self._answer(verb, option)
        return iac + 3

    def _answer(self, verb: bytes, option: bytes) -> None:
        """Let the device echo and suppress go-ahead; decline the rest; never answer twice."""
        if verb in (DONT, WONT) or verb + option in self._agreed:
            return
        self._agreed.add(verb + option)
        if verb == WILL:
            answer = DO if option in (ECHO, SUPPRESS_GO_AHEAD) else DONT
        else:
            answer = WILL if option == SUPPRESS_GO_AHEAD else WONT
        self._writer.write(IAC + answer + option)


async def log_in(stream: Stream, credential: Credential, newline: bytes) -> None:
    """Answer the device's questions for a name and a password, each once.

    Raises `DeviceError` of class `auth` when it asks again or hangs up after the password.
    """
    stream.phase = Phase.AUTH
    named = answered = False
    while True:
        line = await _next_line(stream, answered=answered)
        if USERNAME.search(line):
            if named:
                raise _rejected(stream)
            named = True
            stream.say(credential.username.encode() + newline)
        elif PASSWORD.search(line):
            if answered:
                raise _rejected(stream)
            answered = True
            stream.say((credential.password or "").encode() + newline)
        else:
            return


async def _next_line(stream: Stream, *, answered: bool) -> bytes:
    """Wait until the device stands at a line that is not empty and says no more."""
    try:
        mark = len(stream.heard)
        while True:
            await stream.until(mark + 1)
            await stream.quiet(SETTLED)
            if line := visible(stream.last_line()).strip(b"\r\0"):
                return line
            mark = len(stream.heard)
    except DeviceError as error:
        if answered and error.fault.fault_class is FaultClass.DISCONNECTED:
            raise _rejected(stream) from error
        raise


def _rejected(stream: Stream) -> DeviceError:
    return stream.error(
        FaultClass.AUTH,
        "the device rejected the credential",
        "check the credential by hand; it is not tried again in this run",
    )
