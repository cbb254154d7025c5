"""One command, from its line to its whole output or to the reason why there is none.

Owns the way of a command: echo, output, pagers, the prompt at the very end of the stream, the proof
that the device is idle, and the cut of the body at known places. Nothing is searched for and
deleted. Refuses to know what the output means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.driver.console import LINE_END, Console
from collector.driver.learning import PATIENCE
from collector.driver.pages import page_end
from collector.driver.questions import is_question, pager_at
from collector.driver.template import ESCAPE, Template, visible
from collector.errors import DeviceError
from collector.model import FaultClass, Proof

ATTEMPTS: Final = 4
PAGER_SETTLED: Final = 0.05
"""Seconds of silence after a pager's words: they may be part of a line still on its way."""
BELIEVED: Final = 0.15
"""Seconds of silence after the prompt where no probe is asked for."""
STALLED: Final = 3.0
"""Seconds of silence in mid-output after which another end than the prompt is looked for."""
PASSED: Final = 2000
"""Bytes at the end in which a prompt is looked for that a message has left behind."""

_ECHO_NOISE: Final = b"\x1b\x08\r\n \x07$<>\x00"
"""What may stand between the letters of an echo: redraws, wraps, marks of a scrolled line."""
_ESCAPE = re.compile(ESCAPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An output that is proven whole: its raw bytes between echo and prompt, pagers left out.

    ``prompt_changed``: the command, or something during it, has led to another prompt.
    """

    body: bytes
    proof: Proof | None
    attempts: int
    paged: bool
    prompt_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """An output whose end could not be proven, with what was seen; the device is idle."""

    reason: str
    heard: bytes
    attempts: int
    fault_class: FaultClass = FaultClass.INCOMPLETE


class _DirtyError(Exception):
    """Something else came than an idle device would have said."""

    def __init__(self, reason: str, gap: float = 0.2) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gap = gap


@dataclass(slots=True)
class Asking:
    """The asking of one command on a console.

    Without ``probing`` the prompt is believed after a silence.
    """

    console: Console
    command: bytes
    pagers: Sequence[re.Pattern[bytes]] = ()
    probing: bool = True
    _pages: list[tuple[int, int]] = field(default_factory=list)
    _seen: bool = False

    async def whole(self) -> Whole | Unproven:
        """Ask until an output is proven, each time more patiently.

        Raises `DeviceError` at the deadline and when the device has gone.
        """
        settle = 0.0 if self.console.certain else PATIENCE
        attempt, reason, heard, prompt = 0, "", b"", self.console.template.prompt
        for attempt in range(1, ATTEMPTS + 1):
            try:
                body = await self._once(settle)
            except _DirtyError as dirty:
                reason, heard = dirty.reason, self.console.stream.last_words()
                settle = max(3 * settle, 2 * dirty.gap, 0.25)
                await self._idle_again(reason, settle)
            else:
                proof = self.console.proof if self.probing else None
                return Whole(
                    body=body,
                    proof=proof,
                    attempts=attempt,
                    paged=bool(self._pages),
                    prompt_changed=self.console.template.prompt != prompt,
                )
        self.console.stream.forget()  # what was in doubt is over: it is not the next output's
        fault_class = FaultClass.PAGER if reason.startswith("pager") else FaultClass.INCOMPLETE
        return Unproven(reason=reason, heard=heard, attempts=attempt, fault_class=fault_class)

    async def _once(self, settle: float) -> bytes:
        console, stream = self.console, self.console.stream
        stream.forget()
        self._pages, self._seen = [], False
        stream.say(self.command + console.key + console.newline)
        start = await self._past_echo()
        while True:
            if (end := console.template.prompt_end(stream.heard, start)) is not None:
                if await self._ended(settle):
                    return self._body(start, end)
            elif (at := self._pager(start)) is not None:
                await self._next_page(at, settle)
            else:
                await self._go_on(start, STALLED + 4 * settle)

    async def _past_echo(self) -> int:
        """Wait for the command's echo; return where it ends."""
        stream = self.console.stream
        while (end := self._echo_end()) is None:
            echo = self.console.template.echo(self.command)
            if not await stream.until(max(len(echo), len(stream.heard) + 1), STALLED):
                await self._unasked_question()
                await stream.more()
        return end

    def _echo_end(self) -> int | None:
        """Find the end of the echo at the start of what was heard; None when more must come."""
        heard = bytes(self.console.stream.heard[: 4 * len(self.command) + 400])
        template = self._decided(heard[:1])
        echo = template.echo(self.command)
        if heard.startswith(echo):
            return len(echo)
        if echo.startswith(heard):
            return None
        if not template.echoes:
            raise _DirtyError("echo: the answer does not begin as an idle device's would")
        return self._redrawn_echo_end(heard)

    def _decided(self, first: bytes) -> Template:
        """Give the template, by the first byte of an answer sure of whose its first line end is."""
        console = self.console
        if console.template.undecided and first:
            if first in LINE_END:
                raise _DirtyError("echo: whose its first line end is cannot be told")
            console.template = console.template.owning_line_end()
        return console.template

    def _redrawn_echo_end(self, heard: bytes) -> int | None:
        """Follow the command's letters in order among control bytes: a wrapped or redrawn echo."""
        at = matched = 0
        redraw = re.compile(rb"\r(?:" + ESCAPE + rb")+" + re.escape(self.console.template.prompt))
        while matched < len(self.command):
            if at >= len(heard):
                return None
            if again := redraw.match(heard, at):  # the editor draws the whole line anew
                at, matched = again.end(), 0
                continue
            if escape := _ESCAPE.match(heard, at):
                at = escape.end()
                continue
            if heard[at] == self.command[matched]:
                matched += 1
            elif heard[at] not in _ECHO_NOISE:
                raise _DirtyError("echo: something else came before the command's echo")
            at += 1
        end = heard.find(b"\n", at)
        if self.console.key and b"^E" in heard[at : end if end >= 0 else None]:
            raise _DirtyError("echo: it was typed while nobody was reading")
        return None if end < 0 else end + 1

    async def _ended(self, settle: float) -> bool:
        """Decide at a prompt: True when proven, False when the output went on by itself."""
        stream = self.console.stream
        self._seen = True
        if not self.probing:
            return not await stream.more(max(settle, BELIEVED))
        if settle and await stream.more(settle):
            return False
        mark = len(stream.heard)
        if await self.console.prove_idle():
            return True
        if len(stream.heard) == mark:
            await stream.more(STALLED)
        raise _DirtyError("answer: the prompt was part of the output, or a message came between")

    def _pager(self, start: int) -> int | None:
        """Tell where a pager's words begin at the end of what was heard."""
        stream = self.console.stream
        line = stream.last_line()
        if self._pages:  # what was answered is no question any more, though it still stands there
            line = line[max(0, len(line) - (len(stream.heard) - self._pages[-1][1])) :]
        if len(stream.heard) <= start or not line:
            return None
        at = pager_at(line, self.pagers)
        return None if at is None else max(start, len(stream.heard) - len(line) + at)

    async def _next_page(self, at: int, settle: float) -> None:
        """Answer a pager, after a silence of its own; once one was confirmed, at once."""
        stream = self.console.stream
        if not self._pages and await stream.more(max(PAGER_SETTLED, settle)):
            return
        mark = len(stream.heard)
        self._pages.append((at, mark))
        stream.say(b" ")
        try:
            await stream.until(mark + 1)
        except DeviceError as error:
            if error.fault.fault_class is FaultClass.TIMEOUT:
                raise stream.error(
                    FaultClass.PAGER,
                    "the device's pager does not go on when it is answered",
                    "turn paging off on the device, or name the platform's paging-off command",
                ) from error
            raise

    async def _go_on(self, start: int, patience: float) -> None:
        """Wait for more output; after a long silence look what stands in place of a prompt."""
        console, stream = self.console, self.console.stream
        line = stream.last_line()
        if await stream.more(patience):
            return
        self._seen = self._seen or self._prompt_passed(start)
        if not (line or self._seen):
            await stream.more()
            return
        await self._unasked_question()
        if self._seen:
            raise _DirtyError("answer: a message came after the prompt", 0.1)
        if visible(line).rstrip()[-1:] in {console.template.prompt.rstrip()[-1:], b"#", b">"}:
            await console.learn()
            raise _DirtyError("prompt: it has changed")

    def _prompt_passed(self, start: int) -> bool:
        """Tell whether a prompt stands near the end, with something after it."""
        template, heard = self.console.template, self.console.stream.heard
        tail = bytes(heard[max(start, len(heard) - PASSED) :])
        at_a_line = rb"(?:\A|\n)(?:\r|" + ESCAPE + rb")*" + re.escape(template.prompt)
        return re.search(at_a_line, template.normal(tail)) is not None

    async def _unasked_question(self) -> None:
        stream = self.console.stream
        if is_question(stream.last_line()):
            raise stream.error(
                FaultClass.PROMPT,
                "the command asks a question, which a collector does not answer",
                "choose a form of the command that does not ask",
            )

    async def _idle_again(self, reason: str, settle: float) -> None:
        """Return when the device has come to rest.

        Where an echo does not prove a read, a prompt in the output may have answered the probe just
        in time: so it has to stay at rest for as long as the next attempt waits, and prove it anew.
        """
        console = self.console
        try:
            await console.resynchronise()
            while not console.certain and (
                await console.stream.more(settle) or not await console.prove_idle()
            ):
                await console.resynchronise()
        except DeviceError as error:
            if error.fault.fault_class is not FaultClass.TIMEOUT:
                raise
            raise console.stream.error(
                FaultClass.INCOMPLETE, f"{reason}; the device did not come to rest in time"
            ) from error

    def _body(self, start: int, end: int) -> bytes:
        """Cut the output out of what was heard: pagers by position, the prompt block at the end.

        Copied once, without pages: each copy of 50 MB would hold up the loop for some 20 ms.
        """
        template, heard = self.console.template, self.console.stream.heard
        block = template.ending_at(heard, start, end)
        rest = template.block[: len(template.block) - len(block)]
        if rest and b"\n" not in rest and heard.startswith(rest, start):
            start += len(rest)  # readline leaves its paste mode between the return and the output
        spans, at, last = [], start, end - len(block)
        for page, answered in self._pages:
            line = heard.rfind(b"\n", at, page) + 1 or at
            after = page_end(heard, line, page, answered, last)
            if after is None:
                raise _DirtyError("pager: it did not erase itself, so it may have been output")
            spans.append((at, page))
            at = after
        spans.append((at, last))
        with memoryview(heard) as view:
            body = b"".join(view[begin:stop] for begin, stop in spans)
        self.console.stream.forget()
        return body
