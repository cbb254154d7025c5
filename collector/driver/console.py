"""A device's command line: its learned answer to a blank line, and the proof that it is idle.

Owns learning, probing and resynchronising. A probe is a line of a random number of blanks; only a
device that has read it can have answered with exactly its echo and the prompt, so it had finished
what it was doing. Refuses to know of commands and platforms.

The rule was found by trying simpler ones against devices that echo when they read, at once, both or
never, with outputs full of prompts cut anywhere: a pause after the prompt, or a bare return
answered by a prompt, accepted a cut output in 10 to 30% of such cases; two lines of blanks with
Ctrl-E in none.
"""

from __future__ import annotations

import random
from typing import Final

from collector.driver.questions import is_question, offers_a_choice, pager_at
from collector.driver.stream import Stream
from collector.driver.template import HOLE, Template, learn, visible
from collector.model import FaultClass, Proof

CTRL_E: Final = b"\x05"
"""End of line in readline and in the editors of IOS, NX-OS, EOS, Junos, VRP, Comware and zebra. A
line editor swallows it; a kernel terminal, which echoes without anybody reading, shows ``^E``."""

MOST_BLANKS: Final = 12
SETTLED: Final = 0.12
"""Seconds without a byte after which a greeting is taken to be over; probing checks it."""
PATIENCE: Final = 0.5
"""Seconds of silence asked for where the echo does not prove that the device has read."""
FIRST_ANSWER: Final = 4.0
UNANSWERED: Final = 5.0
"""Seconds of silence after which a probe is given up; resynchronising asks anew."""
ROUNDS_TO_LEARN: Final = 12


class Console:
    """The learned command line on top of a `Stream`."""

    def __init__(
        self, stream: Stream, *, newline: bytes, editor_key: bytes, rng: random.Random
    ) -> None:
        self.stream = stream
        self.newline = newline
        self.template = Template.of((b"",))
        self.key = b""
        self._editor_key = editor_key
        self._rng = rng
        self._typed_ahead = False
        self._count = 0

    @property
    def certain(self) -> bool:
        """Whether an echo proves that the device has read: it has a line editor."""
        return bool(self.key)

    @property
    def proof(self) -> Proof:
        """What an accepted probe is worth."""
        return Proof.PROBE if self.template.echoes else Proof.WEAK

    async def learn(self) -> None:
        """Learn the answer to a blank line; `DeviceError` of class `prompt` where there is none."""
        stream = self.stream
        await self._greeting()
        gap, plain = 0.15, not self._editor_key
        before: tuple[int, bytes, Template | None] | None = None
        for _ in range(ROUNDS_TO_LEARN):
            await self._past_pagers(gap)
            if is_question(stream.last_line()):
                raise stream.error(
                    FaultClass.PROMPT,
                    f"the device asks a question at login: {_shown(stream.last_line())}",
                    "log in by hand once and answer it, or have the device not ask",
                )
            guess = self._guess(before)
            key = self._editor_key if before and not plain else b""
            blanks = self._blanks()
            mark = stream.say(blanks + key + self.newline)
            if not await stream.until(mark + 1, FIRST_ANSWER):
                before = None
                continue
            expected = guess.answer(blanks)
            hit = await self._answered(mark, guess, expected, gap)
            answer = bytes(stream.heard[mark:])
            template = learn(before[0], before[1], len(blanks), answer) if before else None
            if template and offers_a_choice(template.prompt):
                raise stream.error(
                    FaultClass.PROMPT,
                    f"the device shows no prompt but a choice: {_shown(template.prompt)}",
                    "have the account begin at a command line",
                )
            if template:
                self.template, self.key = template, key if template.echoes else b""
                self._typed_ahead = self.certain and await self._answers_two_lines()
                return
            if key:  # shown, obeyed or not understood: from here on blanks only
                plain = True
                await stream.quiet(2 * gap)
                continue
            before = (len(blanks), answer, guess if hit else None)
            gap = min(gap * 1.6, 1.2)
        raise stream.error(
            FaultClass.PROMPT,
            f"no prompt could be learned; the last line is {_shown(stream.last_line())}",
            "check the platform, or what the device shows after login",
        )

    async def probe(self) -> bool:
        """Ask whether the device is idle; False when anything but the exact answer came.

        To be called when the prompt is the last of what was heard. Raises at the deadline.
        """
        mark, expected = self._ask()
        return await self._exactly(mark, expected, UNANSWERED)

    async def prove_idle(self) -> bool:
        """Probe as often as this device needs to be believed."""
        rounds = 1 if self._typed_ahead else 2
        for _ in range(rounds):
            if not await self.probe():
                return False
        return True

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
                if not await stream.more(min(gap, 0.3)):
                    return
                rounds -= 1
                if not rounds:
                    return
            else:
                missed += 1
            gap = min(gap * 1.7, 3.0)

    async def _greeting(self) -> None:
        """Wait for the first words to be over; knock once where there are none."""
        stream = self.stream
        if not stream.heard and not await stream.more(3.0):
            stream.say(self.newline)
            await stream.more()
        await stream.quiet(SETTLED)

    async def _past_pagers(self, gap: float) -> None:
        """Answer a long greeting's pager, or a console that waits for a key."""
        while pager_at(self.stream.last_line()) is not None:
            self.stream.say(
                b" " if b"return" not in self.stream.last_line().lower() else self.newline
            )
            await self.stream.quiet(gap)

    def _guess(self, before: tuple[int, bytes, Template | None] | None) -> Template:
        """Guess the next answer: the last one, or the usual one, so that no time is waited away."""
        if before is None:
            return Template.of((HOLE, b"\r\n" + self.stream.last_line()))
        count, answer, confirmed = before
        head, blanks, tail = answer.partition(b" " * count)
        return confirmed or Template.of((head, HOLE, tail) if blanks else (answer,))

    async def _answered(self, mark: int, guess: Template, expected: bytes, gap: float) -> bool:
        """Wait for the expected answer, else for quiet."""
        stream = self.stream
        if await stream.until(mark + len(expected), gap):
            if guess.normal(bytes(stream.heard[mark:])) == expected:
                return True
            await stream.quiet(gap)
        return False

    async def _answers_two_lines(self) -> bool:
        """Find out whether two lines in one write are answered; some drop what is typed ahead."""
        self._typed_ahead = True
        mark, expected = self._ask()
        return await self._exactly(mark, expected, 0.6)

    async def _exactly(self, mark: int, expected: bytes, silence: float | None) -> bool:
        stream, template = self.stream, self.template
        while True:
            heard = template.normal(bytes(stream.heard[mark : mark + len(expected) + 1]))
            if heard == expected:
                return True
            if not expected.startswith(heard):
                return False
            if not await stream.until(mark + len(expected), silence):
                return False

    async def _ends_with(self, mark: int, expected: bytes, silence: float) -> bool:
        """Wait for a prompt and then the answer; before them may be anything if it is echoed."""
        stream, template = self.stream, self.template
        wanted = template.prompt + expected
        while True:
            heard = template.normal(bytes(stream.heard[max(0, mark - len(template.prompt)) :]))
            if heard.endswith(wanted) and (template.echoes or heard == wanted):
                return True
            if not await stream.more(silence):
                return False

    def _ask(self) -> tuple[int, bytes]:
        """Send a probe; return what had been heard before it and the answer of an idle device."""
        if self.template.echoes:
            lines = [self._blanks() for _ in range(2 if self._typed_ahead else 1)]
        else:
            lines = [b""] * self._rng.randint(3, 6)
        mark = self.stream.say(b"".join(line + self.key + self.newline for line in lines))
        return mark, b"".join(self.template.answer(line) for line in lines)

    def _blanks(self) -> bytes:
        """Give a line of blanks of another length than the last one's."""
        self._count = self._rng.choice([n for n in range(1, MOST_BLANKS + 1) if n != self._count])
        return b" " * self._count


def _shown(line: bytes) -> str:
    """Give a device's line for a message: printable, short."""
    text = visible(line)[-60:].decode("utf-8", "replace").strip()
    return repr("".join(char if char.isprintable() else "?" for char in text))
