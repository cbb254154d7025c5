"""Any text, cut and delayed anywhere, over any echo: byte-exact or refused, never wrong."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import warp
from support.wire import Manner, Part, console_of

from collector.driver.asking import Asking, Unproven, Whole
from collector.errors import DeviceError
from collector.lab.terminal import Echo
from collector.model import Phase

EXAMPLES = int(os.environ.get("COLLECTOR_EXAMPLES", "150"))
Case = tuple[Manner, bytes, list[list[Part]], int]
COMMAND = b"show running-config"
PROMPTS = (b"r1#", b"r1# ", b"user@mx1> ", b"$ ", b"[~core-1]", b"RP/0/RSP0/CPU0:xr1#")

NASTY = st.sampled_from(
    [
        b"--More--",
        b" --More-- \x08\x08\x08",
        b"---(more)---",
        b"lines 1-24 ",
        b"% Invalid input detected at '^' marker.",
        b"Password: ",
        b"Save? [yes/no]: ",
        b"show running-config",
        b"^E",
        b"\xc3",
        b"caf\xc3\xa9",
        b"\xff\xfe",
        b"",
        b"    ",
        b"end",
    ]
)


@st.composite
def texts(draw: st.DrawFn, prompt: bytes) -> bytes:
    """Draw an output: lines of anything, many of them like a prompt; or one without line ends."""
    blanks = st.integers(0, 13).map(lambda n: b" " * n)
    like_prompt = st.one_of(
        st.just(prompt),
        st.just(prompt + b"\r\n" + prompt),
        blanks.map(lambda b: prompt + b),
        blanks.map(lambda b: prompt + b + b"\r\n" + prompt),
        st.just(prompt[:-1]),
        st.just(prompt + COMMAND),
    )
    ordinary = st.binary(max_size=12).map(lambda b: bytes(c for c in b if c >= 32 and c != 127))
    line = st.one_of(like_prompt, like_prompt, NASTY, ordinary)
    lines = draw(st.lists(line, max_size=8))
    ends = draw(st.booleans())
    return b"\r\n".join(lines) + (b"\r\n" if ends and lines else b"")


@st.composite
def plays(draw: st.DrawFn, text: bytes, longest: float) -> list[Part]:
    """Draw where a text is cut and how long the device pauses there."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    pauses = st.sampled_from([0.0, 0.0, 0.01, 0.06, 0.13, 0.3]).map(lambda s: min(s, longest))
    edges = [0, *cuts, len(text)]
    return [Part(data=text[a:b], pause=draw(pauses)) for a, b in pairwise(edges)]


@st.composite
def cases(
    draw: st.DrawFn, echo: Echo, longest: float
) -> tuple[Manner, bytes, list[list[Part]], int]:
    prompt = draw(st.sampled_from(PROMPTS))
    text = draw(texts(prompt))
    manner = Manner(
        prompt=b"\r\n" + prompt,
        echo=echo,
        keeps_typed_ahead=draw(st.sampled_from([True, True, False])),
        delay=draw(st.sampled_from([0.0, 0.0, 0.02, 0.08])),
        think=draw(st.sampled_from([0.0, 0.0, 0.05])),
    )
    times = draw(st.integers(1, 3))
    return (
        manner,
        text,
        [draw(plays(text, longest)) for _ in range(times)],
        draw(st.integers(0, 99)),
    )


async def collected(
    manner: Manner, scripts: list[list[Part]], seed: int
) -> Whole | Unproven | DeviceError:
    try:
        async with console_of(manner, COMMAND, scripts, seed) as (console, _):
            console.stream.allow(120, Phase.COMMAND)
            return await Asking(console, COMMAND).whole()
    except DeviceError as error:
        return error


def check(case: Case) -> str:
    manner, text, scripts, seed = case
    outcome = warp.run(collected(manner, scripts, seed))
    if isinstance(outcome, Whole):
        assert outcome.body == text
        return "whole"
    if isinstance(outcome, DeviceError):
        assert outcome.fault.fault_class != "internal"
    return "refused"


def adversary(echo: Echo, longest: float = 0.3):  # type: ignore[no-untyped-def]  # a decorated test
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases(echo, longest))
    def test(case: Case) -> None:
        check(case)

    return test


test_a_device_that_echoes_what_it_reads = adversary(Echo.WHEN_READ)
test_a_device_with_readline = adversary(Echo.READLINE)
test_a_kernel_terminal = adversary(Echo.AT_ONCE)
test_a_device_without_echo = adversary(Echo.NONE)


@pytest.mark.parametrize("echo", list(Echo))
def test_a_plain_output_is_collected_whatever_the_echo(echo: Echo) -> None:
    parts = [Part(data=b"line one\r\nline two\r\n")]
    assert check((Manner(echo=echo), b"line one\r\nline two\r\n", [parts], 1)) == "whole"
