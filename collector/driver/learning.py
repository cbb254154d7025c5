"""Learning a command line: the device's own answer to a line of blanks, and what its editor does.

Owns the way from a greeting to a template that was seen twice. Refuses to know what the template is
used for; what comes later may still prove it wrong.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from collector.driver.questions import is_question, offers_a_choice, pager_at
from collector.driver.stream import SETTLED, Stream
from collector.driver.template import HOLE, Template, learn, visible
from collector.model import FaultClass

PATIENCE: Final = 0.7
"""Seconds of silence asked for where the echo does not prove that the device has read."""
LATE: Final = 0.5
"""Seconds of silence asked for behind answers whose echo does not prove a read; at least as long as
those answers took, so that one more, which is due, would have come."""
TYPED_AHEAD: Final = 0.6
"""Seconds in which the second of two lines in one write is answered, if it was not thrown away."""
_FIRST_ANSWER: Final = 4.0
_ROUNDS: Final = 12
_KEY_REFUSED: Final = 2
"""How often the editor's key may be answered strangely: the device may only have been slow."""
_CARET_E: Final = b"^E"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned; ``typed_ahead``: whether two lines in one write are both read, if known."""

    template: Template
    key: bytes
    typed_ahead: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What came for a line of ``blanks``; ``hit``: as foretold; ``pair``, ``both``: for two lines.

    ``key`` of the editor was sent with it.
    """

    blanks: int
    key: bytes
    heard: bytes
    hit: bool
    pair: bool
    both: bool

    def agrees_with(self, other: _Answer) -> Template | None:
        """Give the template that both answers follow; an unforetold pair follows none."""
        if self.pair and not self.hit:
            return None
        return learn(other.blanks, other.heard, self.blanks, self.heard)


class Learning:
    """One learning of a command line on a `Stream`; ``blanks`` gives a line of blanks to send.

    ``hint`` is what a prompt looks like, if the user said so: a greeting that ends in it is over.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        newline: bytes,
        editor_key: bytes,
        hint: re.Pattern[str] | None,
        blanks: Callable[[], bytes],
    ) -> None:
        self._stream = stream
        self._newline = newline
        self._editor_key = editor_key
        self._hint = hint
        self._blanks = blanks
        self._gap = 0.15
        self._refusals = 0 if editor_key else _KEY_REFUSED
        self._before: _Answer | None = None

    async def learned(self) -> Learned:
        """Learn the answer to a blank line; `DeviceError` of class `prompt` where there is none.

        How the first line is answered is guessed from the greeting's last line, else seen. The next
        come with the editor's key, two in one write where the guess was right: one round trip then
        shows the echo, the editor and what becomes of typed-ahead input.
        """
        await self._greeting()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(_ROUNDS):
            await self._past_pagers()
            self._refuse_a_question()
            answer = await self._round()
            template = answer.agrees_with(self._before) if answer and self._before else None
            if answer is None:
                self._before = None
            elif template is None:
                self._weigh(answer)
            elif learned := await self._unless_late(template, answer, loop.time() - begun):
                return learned
        raise self._stream.error(
            FaultClass.PROMPT,
            f"no prompt could be learned; the last line is {shown(self._stream.last_line())}",
            "check the platform, or what the device shows after login",
        )

    async def _greeting(self) -> None:
        """Wait for the first words to be over; knock once where there are none."""
        stream = self._stream
        if not stream.heard and not await stream.more(3.0):
            stream.say(self._newline)
            await stream.more()
        while not self._hinted():
            if not await stream.more(SETTLED):
                return

    def _hinted(self) -> bool:
        """Tell whether a prompt of the shape that the user gave stands at the end."""
        line = visible(self._stream.last_line()).decode("utf-8", "replace")
        return self._hint is not None and self._hint.search(line) is not None

    async def _past_pagers(self) -> None:
        """Answer a long greeting's pager, or a console that waits for a key."""
        stream = self._stream
        while pager_at(stream.last_line()) is not None:
            stream.say(b" " if b"return" not in stream.last_line().lower() else self._newline)
            await stream.quiet(self._gap)

    def _refuse_a_question(self) -> None:
        line = self._stream.last_line()
        if is_question(line):
            raise self._stream.error(
                FaultClass.PROMPT,
                f"the device asks a question at login: {shown(line)}",
                "log in by hand once and answer it, or have the device not ask",
            )

    async def _round(self) -> _Answer | None:
        """Send a line of blanks, or two; None when nothing came back."""
        guess, before = self._guess(), self._before
        key = self._editor_key if before and self._refusals < _KEY_REFUSED else b""
        pair = bool(key and before and before.hit and guess.echoes)
        lines = [self._blanks() for _ in range(1 + pair)]
        mark = self._stream.say(b"".join(line + key + self._newline for line in lines))
        if not await self._stream.until(mark + 1, _FIRST_ANSWER):
            return None
        return await self._answer(mark, guess, lines, key)

    def _guess(self) -> Template:
        """Guess the next answer: the last one, or the usual one, so that no time is waited away."""
        before = self._before
        if before is None:
            return Template.of((HOLE, b"\r\n" + self._stream.last_line()))
        head, blanks, tail = before.heard.partition(b" " * before.blanks)
        return Template.of((head, HOLE, tail) if blanks else (before.heard,))

    async def _answer(self, mark: int, guess: Template, lines: list[bytes], key: bytes) -> _Answer:
        """Wait for the foretold answers to one or two lines, else for quiet behind a prompt."""
        stream = self._stream
        one = guess.answer(lines[0])
        expected = b"".join(map(guess.answer, lines))
        silent = not await stream.until(mark + len(expected), self._gap)
        if silent and expected.startswith(guess.normal(bytes(stream.heard[mark:]))):
            patience = TYPED_AHEAD if stream.heard[mark:] == one else _FIRST_ANSWER
            await stream.until(mark + len(expected), patience)
        if not visible(stream.last_line()).strip():
            silent = not await stream.more(_FIRST_ANSWER)  # an echo, or a part: it is still at it
        if not silent and stream.heard[mark:] != expected:
            await stream.quiet(self._gap)
        heard = guess.normal(bytes(stream.heard[mark:]))
        both = heard == expected != one
        return _Answer(
            blanks=len(lines[0]),
            key=key,
            heard=one if both else heard,
            hit=heard in (one, expected),
            pair=len(lines) > 1,
            both=both,
        )

    def _weigh(self, answer: _Answer) -> None:
        """Keep an answer that agrees with none before it, and what it says of the editor's key."""
        refused = _CARET_E in answer.heard
        if answer.key and refused:
            self._refusals = _KEY_REFUSED  # shown: nobody edits this line
        elif (
            answer.key and self._before
        ):  # obeyed, not understood, or it came too slowly: once more
            self._refusals, self._before = self._refusals + 1, replace(self._before, hit=False)
        else:
            self._before = answer
        if not answer.hit and not refused:
            self._gap = min(self._gap * 1.6, 1.2)

    async def _unless_late(
        self, template: Template, answer: _Answer, taken: float
    ) -> Learned | None:
        """Give what two answers agree on; None where one more comes after ``taken`` seconds.

        Without an editor, answers that are late by one line look the same until it comes.
        """
        if offers_a_choice(template.prompt):
            raise self._stream.error(*a_choice(template))
        key = answer.key if template.echoes else b""
        if key:
            return Learned(
                template=template, key=key, typed_ahead=answer.both if answer.pair else None
            )
        if not await self._stream.more(max(LATE, taken)):
            return Learned(template=template, key=b"", typed_ahead=False)
        self._before = None
        await self._stream.quiet(PATIENCE)
        return None


def a_choice(template: Template) -> tuple[FaultClass, str, str]:
    """Give the class, words and hint for a device that shows a menu in place of a prompt."""
    return (
        FaultClass.PROMPT,
        f"the device shows no prompt but a choice: {shown(template.prompt)}",
        "have the account begin at a command line",
    )


def shown(line: bytes) -> str:
    """Give a device's line for a message: printable, short."""
    text = visible(line)[-60:].decode("utf-8", "replace").strip()
    return repr("".join(char if char.isprintable() else "?" for char in text))
