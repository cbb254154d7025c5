"""A device's command line: its learned answer to a blank line, and the proof that it is idle.

Owns probing and resynchronising. A probe is a line of a random number of blanks; only a device that
has read it can have answered with exactly its echo and the prompt, so it had finished what it was
doing. Refuses to know of commands and platforms.

The rule was found by trying simpler ones against devices that echo when they read, at once, both or
never, with outputs full of prompts cut anywhere: a pause after the prompt, or a bare return
answered by a prompt, accepted a cut output in 10 to 30% of such cases; lines of blanks with
Ctrl-E in none.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from collector.driver.learning import LATE, PATIENCE, TYPED_AHEAD, Learning, a_choice
from collector.driver.questions import offers_a_choice
from collector.driver.stream import SETTLED, Stream
from collector.driver.template import Template, is_erasure, without_begun, without_erasures
from collector.model import Proof

CTRL_E: Final = b"\x05"
"""End of line in readline and in the editors of IOS, NX-OS, EOS, Junos, VRP, Comware and zebra. A
line editor swallows it; a kernel terminal, which echoes without anybody reading, shows ``^E``."""

MOST_BLANKS: Final = 16
PROBE_LINES: Final = 3
"""Lines of blanks that must be answered exactly: of 60,000 outputs that were made to mislead, one
happened to hold two such answers at the moment at which they were due."""
RETURNS: Final = (3, 6)
"""Returns sent where nothing is echoed, a random number; a slow device is to answer all of them
within the last look at a session."""
NOT_AGAIN: Final = 2 * PROBE_LINES
"""Lines for which a length of blanks is not used again: a late answer must not fit a new line."""
UNANSWERED: Final = 5.0
"""Seconds of silence after which a probe is given up; resynchronising asks anew."""
LINE_END: Final = (b"\r", b"\n")


class Console:
    """The learned command line on top of a `Stream`.

    ``hint`` is what a prompt looks like, if the user said so: a greeting that ends in it is over.
    What the prompt really is, is learned all the same.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        newline: bytes,
        editor_key: bytes,
        rng: random.Random,
        hint: re.Pattern[str] | None = None,
    ) -> None:
        self.stream = stream
        self.newline = newline
        self.template = Template.of((b"",))
        self.key = b""
        self._editor_key = editor_key
        self._hint = hint
        self._rng = rng
        self._typed_ahead = False
        self._lengths: deque[int] = deque(maxlen=NOT_AGAIN)

    @property
    def certain(self) -> bool:
        """Whether an echo proves that the device has read: it has a line editor."""
        return bool(self.key)

    @property
    def disturbed(self) -> bool:
        """Whether anything that shows has come since what was heard was last forgotten."""
        return not is_erasure(bytes(self.stream.heard[:64]))

    @property
    def keeps_typed_ahead(self) -> bool:
        """Whether several lines in one write are all read, one after the other."""
        return self._typed_ahead

    @property
    def proof(self) -> Proof:
        """What an accepted probe is worth."""
        return Proof.PROBE if self.template.echoes else Proof.WEAK

    async def learn(self) -> None:
        """Learn the answer to a blank line; `DeviceError` of class `prompt` where there is none."""
        learning = Learning(
            self.stream,
            newline=self.newline,
            editor_key=self._editor_key,
            hint=self._hint,
            blanks=self._blanks,
        )
        learned = await learning.learned()
        self.template, self.key = learned.template, learned.key
        if learned.typed_ahead is None:
            self._typed_ahead = await self._answers_typed_ahead()
        else:
            self._typed_ahead = learned.typed_ahead
        if self.certain and not self._typed_ahead:
            await self.resynchronise()  # thrown away, or only late: then its answer is still due

    async def renew(self) -> None:
        """Learn a prompt that has changed, its last line being the last of what was heard.

        One probe, where nothing but that line is new; else as at login.
        """
        known = self.template
        renewed = known.ending_in(self.stream.last_line())
        if renewed:
            if offers_a_choice(renewed.prompt):
                raise self.stream.error(*a_choice(renewed))
            self.template = renewed
            if await self.prove_idle():
                return
        self.template = known
        await self.learn()

    async def settle_line_end(self, commands: Sequence[bytes]) -> None:
        """Find out whose the first line end of an answer is, from outputs that begin with words.

        Where words come first it is the prompt's own. Where a line end does, and one alone stands
        before the prompt, it is that of the return. Else nothing is known, as before.
        """
        stream = self.stream
        for command in commands:
            stream.forget()
            stream.say(command + self.newline)
            await stream.until(1, UNANSWERED)
            await stream.quiet(PATIENCE)
            heard = bytes(stream.heard)
            await self.resynchronise()
            stream.forget()
            if heard and heard[:1] not in LINE_END:
                self.template = self.template.owning_line_end()
                return
            if self._shows_returns(heard):
                self.template = replace(self.template, undecided=False)
                return

    def _shows_returns(self, heard: bytes) -> bool:
        block = self.template.owning_line_end().block
        text = self.template.normal(heard).removesuffix(block)
        return len(text) < len(heard) and bool(text.strip()) and not text.endswith(LINE_END)

    async def pass_by(self, commands: Sequence[bytes]) -> None:
        """Have lines run whose output is of no use, in one write with a probe behind them.

        Only for a device that keeps what is typed ahead; the echo of the probe shows that all
        before it is over.
        """
        self.stream.say(b"".join(command + self.key + self.newline for command in commands))
        mark, expected = self._ask()
        if not await self._ends_with(mark, expected, UNANSWERED):
            await self.resynchronise()
        self.stream.forget()

    async def probe(self) -> bool:
        """Ask whether the device is idle; False when anything but the exact answer came.

        To be called when the prompt is the last of what was heard. Raises at the deadline.
        """
        mark, expected = self._ask()
        return await self._exactly(mark, expected, UNANSWERED)

    async def prove_idle(self) -> bool:
        """Probe as often as this device needs to be believed."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        rounds = 1 if self._typed_ahead else PROBE_LINES if self.certain else 2
        for _ in range(rounds):
            if not await self.probe():
                return False
        return self.certain or not await self.stream.more(max(LATE, loop.time() - begun))

    async def resynchronise(self) -> None:
        """Return when fresh probes are answered as an idle device would, all else before them."""
        stream = self.stream
        gap, rounds, missed = SETTLED if self.certain else PATIENCE, 2, 0
        while True:
            await stream.quiet(gap)
            if missed == 3:
                await self.learn()  # idle, but it answers in another way than at login
            mark, expected = self._ask()
            if await self._ends_with(mark, expected, max(1.0, 2 * gap)):
                # Where the echo proves nothing, answers to the probes before may still be due.
                if not await stream.more(min(gap, 0.3) if self.certain else gap):
                    return
                rounds -= 1
                if self.certain and not rounds:
                    return
            else:
                missed += 1
            gap = min(gap * 1.7, 3.0)

    async def _answers_typed_ahead(self) -> bool:
        """Find out whether lines in one write are all answered; some drop what is typed ahead."""
        self._typed_ahead = True
        mark, expected = self._ask()
        return await self._exactly(mark, expected, TYPED_AHEAD)

    async def _exactly(self, mark: int, expected: bytes, silence: float | None) -> bool:
        stream, template = self.stream, self.template
        while True:
            raw = bytes(stream.heard[mark : mark + 2 * len(expected) + 64])
            heard = template.normal(raw)
            if heard == expected:
                return True
            if not expected.startswith(without_begun(heard)):
                return False
            missing = max(1, len(expected) - len(heard))
            if not await stream.until(mark + len(raw) + missing, silence):
                return False

    async def _ends_with(self, mark: int, expected: bytes, silence: float) -> bool:
        """Wait for a prompt and then the answer; before them may be anything if it is echoed."""
        stream, template = self.stream, self.template
        wanted = template.prompt + expected
        start = max(0, without_erasures(stream.heard, mark) - len(template.prompt))
        while True:
            heard = template.normal(bytes(stream.heard[start:]))
            if heard.endswith(wanted) and (template.echoes or heard == wanted):
                return True
            if not await stream.more(silence):
                return False

    def _ask(self) -> tuple[int, bytes]:
        """Send a probe; return what had been heard before it and the answer of an idle device."""
        if self.template.echoes:
            lines = [self._blanks() for _ in range(PROBE_LINES if self._typed_ahead else 1)]
        else:
            lines = [b""] * self._rng.randint(*RETURNS)
        mark = self.stream.say(b"".join(line + self.key + self.newline for line in lines))
        return mark, b"".join(self.template.answer(line) for line in lines)

    def _blanks(self) -> bytes:
        """Give a line of blanks of another length than the last ones': their answers may be due."""
        fresh = [n for n in range(1, MOST_BLANKS + 1) if n not in self._lengths]
        self._lengths.append(self._rng.choice(fresh))
        return b" " * self._lengths[-1]
