"""Devices that mislead: any text, full of prompts and pagers, cut and delayed anywhere.

Owns how such a device is drawn and the judgement of what a session made of it: byte-exact or
refused with a class, or wrong. Time is warped, so a pause of a second costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from hypothesis import strategies as st
from support import warp
from support.wire import LOG_LINE, Manner, Page, Part, Play, console_of

from collector.driver.session import DeviceSession
from collector.driver.terminal import clean
from collector.errors import DeviceError
from collector.lab.terminal import Echo
from collector.model import CommandResult, CommandStatus, ProofLevel
from collector.platforms import load_platforms

COMMANDS = (b"show running-config", b"show version", b"show ip route 0.0.0.0")
COMMAND_LIMIT = 200.0
GENERIC = load_platforms()["generic"]
PAUSES = (0.0, 0.0, 0.0, 0.01, 0.06, 0.13, 0.3, 0.6, 1.5)

PROMPTS = (
    b"\r\nr1#",
    b"\r\nr1# ",
    b"\r\nuser@mx1> ",
    b"\r\n$ ",
    b"\r\n[~core-1]",
    b"\r\nRP/0/RSP0/CPU0:xr1#",
    b"\r\n\r\nr1#",
    b"\r\n[edit]\r\nuser@mx1# ",
    b"\r\nr1 [@N] > ",
    b"\r\n@T r1# ",
    b"\r\n\x1b[1;32mr1\x1b[0m# ",
    b"\r\n\x1b[H\x1b[Jr1>",
    b"\r\n\r\x1b[Kr1>",
    b"\r\n\x1b]0;r1:~\x07\x1b[01mu@r1\x1b[00m:~$ ",
    b"\r\n\x1b[?2004hu@r1:~$ ",
    b"\r\n(r1) #",
    b"\r\nsession 10 0:1> ",
)

PAGERS = (
    b"--More--",
    b" --More-- ",
    b"\x1b[7m--More--\x1b[m",
    b"---(more 45%)---",
    b"-- MORE --, next page: Space, next line: Enter, quit: Control-C",
    b"lines 1-24 ",
    b"<--- More --->",
    b"Press any key to continue (Q to quit)",
)
RUB_OUTS = (
    lambda n: b"\x08" * n + b" " * n + b"\x08" * n,
    lambda n: b"\r" + b" " * n + b"\r",
    lambda n: b"\r\x1b[K",
    lambda n: b"\x1b[%dD%s\x1b[%dD" % (n, b" " * n, n),
    lambda n: b"\x1b[2K\r",
)

PAGED = b" --More-- " + b"\x08" * 10 + b" " * 10 + b"\x08" * 8

NASTY = (
    b"--More--",
    b" --More-- \x08\x08\x08",
    PAGED,
    b"---(more)---",
    b"lines 1-24 ",
    b"% Invalid input detected at '^' marker.",
    b"Password: ",
    b"Save? [yes/no]: ",
    *COMMANDS,
    b"^E",
    b"\xc3",
    b"caf\xc3\xa9",
    b"\xff\xfe",
    b"",
    b"    ",
    b"end",
    b" 99%\r100%",
    b"\r",
    b"\r  \rx",
    b"\x1b[1mbold\x1b[0m",
    b"\x1b[",
    b"0123456789" * 3,
    LOG_LINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a command prints, and how it is played: one play for each time it is asked."""

    text: bytes
    plays: tuple[Play, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One device, what it prints for each of `COMMANDS`, and the dice of the driver."""

    manner: Manner
    outputs: tuple[Output, ...]
    seed: int


class Judgement(StrEnum):
    """What became of one output."""

    WHOLE = "whole"
    FLAGGED = "flagged"  # a log line came where only the device knows that it is no output
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A judged output; ``detail`` is the attempt at which it was whole, or the fault's class."""

    judgement: Judgement
    detail: str
    stored: bytes = b""
    printed: bytes = b""


@st.composite
def cases(draw: st.DrawFn, echo: Echo, longest: float = 1.5) -> Case:
    """Draw a device with this echo that never pauses longer than ``longest`` seconds."""
    manner = draw(manners(echo, longest))
    count = draw(st.integers(1, len(COMMANDS)))
    return Case(
        manner=manner,
        outputs=tuple(draw(outputs(manner, longest)) for _ in range(count)),
        seed=draw(st.integers(0, 99)),
    )


@st.composite
def manners(draw: st.DrawFn, echo: Echo, longest: float) -> Manner:
    """Draw how a device behaves; mostly plainly, so that its texts get their turn."""
    prompt = draw(st.sampled_from(PROMPTS))
    editor = echo in (Echo.WHEN_READ, Echo.READLINE)
    manner = Manner(
        prompt=prompt,
        echo=echo,
        keeps_typed_ahead=draw(st.sampled_from([True, True, False])),
        delay=draw(st.sampled_from([0.0, 0.0, 0.02, 0.08])),
        think=draw(st.sampled_from([0.0, 0.0, 0.05, 0.4])),
        hearing=draw(st.sampled_from([0.0, 0.0, 0.0, 0.2])),
        clears=editor and draw(st.booleans()),
        leaves_line=draw(st.sampled_from([b"", b"", b"\x1b[?2004l\r"])) if editor else b"",
    )
    if draw(st.integers(0, 3)) == 0:
        pauses = st.sampled_from([0.0, 0.0, 0.0, min(0.03, longest), min(0.2, longest)])
        cut = st.tuples(st.sampled_from([1, 2, 3, 7, 40, 1000]), pauses)
        manner = replace(manner, cuts=tuple(draw(st.lists(cut, min_size=1, max_size=7))))
    if echo is not Echo.NONE and draw(st.integers(0, 3)) == 0:  # unechoed, it looks like output
        times = st.lists(st.integers(0, 80).map(lambda n: n / 10), min_size=1, max_size=3)
        manner = replace(manner, chatter=tuple(draw(times)), redraws=draw(st.booleans()))
    return manner


@st.composite
def outputs(draw: st.DrawFn, manner: Manner, longest: float) -> Output:
    """Draw a text and, for the first and the next times it is asked for, how it comes."""
    text = draw(texts(manner.prompt))
    if manner.echo is Echo.NONE or not manner.keeps_typed_ahead:
        # A pager's words, then its erasure, and the key has left no trace: nobody can tell.
        text = text.replace(PAGED, b"")
    pages = draw(st.integers(0, 3)) == 0
    times = draw(st.integers(1, 3))
    return Output(text=text, plays=tuple(draw(plays(text, longest, pages)) for _ in range(times)))


@st.composite
def texts(draw: st.DrawFn, prompt: bytes) -> bytes:
    """Draw an output: lines of anything, many of them like a prompt; or one without line ends."""
    number = draw(st.integers(81, 105))
    shown = prompt.replace(b"@N", b"%d" % number).replace(b"@T", b"09:59:5%d" % (number % 10))
    shown, short = shown.removeprefix(b"\r\n"), shown.rsplit(b"\n", 1)[-1]
    blanks = st.integers(0, 13).map(lambda n: b" " * n)
    like_prompt = st.one_of(
        st.just(short),
        st.just(shown),
        st.just(shown + b"\r\n" + shown),
        st.integers(2, 7).map(lambda n: shown * n),
        st.integers(2, 7).map(lambda n: b"\r\n".join([shown] * n)),
        blanks.map(lambda b: shown + b),
        blanks.map(lambda b: shown + b + b"\r\n" + shown),
        st.tuples(blanks, blanks).map(lambda b: shown + b[0] + b"\r\n" + shown + b[1] + b"\r\n"),
        st.just(short[:-1]),
        st.sampled_from(COMMANDS).map(lambda command: shown + command),
    )
    anything = st.binary(max_size=12)
    ordinary = anything.map(lambda b: bytes(c for c in b if c >= 32 and c != 127))
    line = st.one_of(like_prompt, like_prompt, st.sampled_from(NASTY), ordinary)
    lines = draw(st.lists(line, max_size=8))
    if draw(st.integers(0, 9)) == 0:
        lines[1:1] = [b"line %d of many" % n for n in range(draw(st.sampled_from([30, 700])))]
    ends = draw(st.booleans())
    return b"\r\n".join(lines) + (b"\r\n" if ends and lines else b"")


@st.composite
def plays(draw: st.DrawFn, text: bytes, longest: float, pages: bool) -> Play:
    """Draw where a text is cut and how long the device pauses there, or waits for a key."""
    cuts = draw(st.sets(st.integers(0, len(text)), max_size=6))
    prompts = [at for at in range(len(text)) if text[at : at + 1] in (b"#", b">", b"$", b"]")]
    if prompts:  # just behind what looks like a prompt is where a cut hurts
        cuts |= {at + 1 for at in draw(st.lists(st.sampled_from(prompts), max_size=4))}
    pause = st.sampled_from(PAUSES).map(lambda seconds: min(seconds, longest))
    edges = [0, *sorted(cuts), len(text)]
    play: list[Part | Page] = []
    for start, end in pairwise(edges):
        if pages and text[:start].endswith(b"\n") and draw(st.booleans()):
            words = draw(st.sampled_from(PAGERS))
            rub_out = draw(st.sampled_from(RUB_OUTS))
            play.append(Page(words=words, rub_out=rub_out(len(clean(words)))))
        play.append(Part(data=text[start:end], pause=draw(pause)))
    return tuple(play)


def judged(case: Case) -> tuple[Outcome, ...]:
    """Collect a device in warped time and judge each of its outputs."""
    return tuple(warp.run(_judged(case)))


async def _judged(case: Case) -> list[Outcome]:
    results, condemned = await _collected(case)
    return [
        _outcome(result, output, position in condemned)
        for position, (result, output) in enumerate(zip(results, case.outputs, strict=True))
    ]


async def _collected(case: Case) -> tuple[Sequence[CommandResult | str], tuple[int, ...]]:
    """Ask all commands as the engine does, and look once more; a class where there is no result."""
    results: list[CommandResult | str] = []
    condemned: tuple[int, ...] = ()
    plays = {c: o.plays for c, o in zip(COMMANDS, case.outputs, strict=False)}
    try:
        async with console_of(case.manner, plays, case.seed) as (console, _):
            session = DeviceSession(console, GENERIC, proof=ProofLevel.FULL, hang_up=_nothing)
            try:
                for command in plays:
                    result = await session.run(command.decode(), timeout=COMMAND_LIMIT)
                    results.append(result)  # at once: what an error ends is kept
            finally:
                condemned = await session.finish()
    except DeviceError as error:
        refused = error.fault.fault_class.value
        results += [refused] * (len(case.outputs) - len(results))
    return results, condemned


def _outcome(result: CommandResult | str, output: Output, condemned: bool) -> Outcome:
    if isinstance(result, str):
        return Outcome(judgement=Judgement.REFUSED, detail=result)
    if condemned:
        return Outcome(judgement=Judgement.REFUSED, detail="late bytes")
    if result.status is not CommandStatus.OK:
        detail = result.fault.fault_class.value if result.fault else "no class"
        return Outcome(judgement=Judgement.REFUSED, detail=detail)
    printed = clean(output.text)
    judgement = Judgement.WHOLE if result.output == printed else Judgement.WRONG
    if judgement is Judgement.WRONG and "log_line" in result.notes and LOG_LINE in result.output:
        judgement = Judgement.FLAGGED
    return Outcome(
        judgement=judgement, detail=str(result.attempts), stored=result.output, printed=printed
    )


async def _nothing() -> None:
    """Hang up."""
