"""Any text, cut and delayed anywhere, over any echo: byte-exact or refused, never wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from support.adversary import Case, Judgement, Output, cases, judged
from support.wire import Manner, Page, Part, Play

from collector.lab.terminal import Echo

pytestmark = pytest.mark.timeout(300)

EXAMPLES = int(os.environ.get("COLLECTOR_EXAMPLES", "300"))
MORE = Page(words=b"--More--", rub_out=b"\x08" * 8 + b" " * 8 + b"\x08" * 8)


def adversary(echo: Echo) -> Callable[[], None]:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases(echo))
    def test(case: Case) -> None:
        assert [each for each in judged(case) if each.judgement is Judgement.WRONG] == []

    return test


test_a_device_that_echoes_what_it_reads = adversary(Echo.WHEN_READ)
test_a_device_with_readline = adversary(Echo.READLINE)
test_a_kernel_terminal = adversary(Echo.AT_ONCE)
test_a_device_without_echo = adversary(Echo.NONE)


def one(text: bytes, *play: Part | Page, manner: Manner | None = None) -> Case:
    """Make a device that plays this text, in one piece unless told else."""
    plays: tuple[Play, ...] = (play or (Part(data=text),),)
    return Case(manner=manner or Manner(), outputs=(Output(text=text, plays=plays),), seed=1)


PLAIN = b"line one\r\nline two\r\n"


@pytest.mark.parametrize("echo", list(Echo))
@pytest.mark.parametrize("think", [0.0, 0.4])
@pytest.mark.parametrize("keeps_typed_ahead", [True, False])
def test_a_plain_output_is_collected_whatever_the_device(
    echo: Echo, think: float, keeps_typed_ahead: bool
) -> None:
    manner = Manner(echo=echo, think=think, keeps_typed_ahead=keeps_typed_ahead)
    (outcome,) = judged(one(PLAIN, manner=manner))
    assert outcome.judgement is Judgement.WHOLE


@pytest.mark.parametrize("echo", list(Echo))
def test_pages_are_cut_out(echo: Echo) -> None:
    parts = (Part(data=b"line one\r\n"), MORE, Part(data=b"line two\r\n"))
    (outcome,) = judged(one(PLAIN, *parts, manner=Manner(echo=echo)))
    assert outcome.judgement is Judgement.WHOLE


@pytest.mark.parametrize("echo", list(Echo))
@pytest.mark.parametrize("pause", [0.0, 0.06, 0.3])
def test_a_page_is_answered_once_though_its_erasure_comes_alone(echo: Echo, pause: float) -> None:
    parts = (Part(data=b"line one\r\n"), MORE, Part(data=b"line two\r\n", pause=pause))
    (outcome,) = judged(one(PLAIN, *parts, manner=Manner(echo=echo, delay=0.02)))
    assert (outcome.judgement, outcome.detail) == (Judgement.WHOLE, "1")


@pytest.mark.parametrize("echo", list(Echo))
@pytest.mark.parametrize("prompt", [b"\r\n\x1b[H\x1b[Jr1>", b"\r\n\r\x1b[Kr1>"])
def test_what_clears_the_prompts_line_erases_no_page(echo: Echo, prompt: bytes) -> None:
    """The key is thrown away, so nothing else tells that it was output."""
    parts = (Part(data=b" --More--"), Part(data=b" \x08\x08\x08", pause=0.06))
    manner = Manner(prompt=prompt, echo=echo, keeps_typed_ahead=False)
    (outcome,) = judged(one(b" --More-- \x08\x08\x08", *parts, manner=manner))
    assert outcome.judgement is not Judgement.WRONG


@pytest.mark.parametrize("text", [b"", b"no line end", b"line\r\n", b"\r\n\r\n"])
@pytest.mark.parametrize("leaves_line", [b"", b"\x1b[?2004l\r"])
@pytest.mark.parametrize(
    "prompt",
    [b"\r\n\r\nr1#", b"\r\n[edit]\r\nr1# ", b"\r\n\x1b[1mr1\x1b[0m# ", b"\r\n@T r1 [@N] > "],
)
def test_all_of_the_prompt_and_no_more_is_cut_off(
    prompt: bytes, leaves_line: bytes, text: bytes
) -> None:
    """Also what the editor prints when it leaves a line, which stands before the output."""
    (outcome,) = judged(one(text, manner=Manner(prompt=prompt, leaves_line=leaves_line)))
    assert outcome.judgement is Judgement.WHOLE


def cut(*pieces: bytes, last: float = 0.6) -> tuple[Part, ...]:
    """Play these pieces in one go, but for a pause before the prompt."""
    return (*(Part(data=piece) for piece in pieces), Part(data=b"", pause=last))


LATE = {
    "learned one line late": Case(
        manner=Manner(echo=Echo.AT_ONCE, think=0.4, chatter=(0.0,)),
        outputs=(Output(text=PLAIN, plays=((Part(data=PLAIN),),)),),
        seed=0,
    ),
    "probed one line late": one(
        b"r1#r1#\r\nr1#",
        *cut(b"r1#r1#\r\nr1#"),
        manner=Manner(echo=Echo.NONE, think=0.05, cuts=((1, 0.0),)),
    ),
    "asked again while answers were due": one(
        b"r1#\r\nr1#\r\n\r\nr1#",
        *cut(b"r1#"),
        Part(data=b"\r", pause=0.6),
        *cut(b"\nr1#\r\n\r\nr1#"),
        manner=Manner(echo=Echo.NONE, think=0.4, cuts=((1, 0.0),)),
    ),
    "one that fits a new probe": one(
        PLAIN * 15,
        manner=Manner(prompt=b"\r\n\r\x1b[Kr1>", cuts=((40, 0.2),), chatter=(0.8,)),
    ),
    "a probe answered by the output while asking again": one(
        b"r1#r1#r1#r1#\r\nline one\r\nline two",
        Part(data=b"r1#"),
        Part(data=b"r1#r1#", pause=0.6),
        Part(data=b"r1#", pause=0.6),
        Part(data=b"\r\nline one\r\nline two", pause=0.6),
        manner=Manner(prompt=b"\r\nr1#", echo=Echo.AT_ONCE, chatter=(0.0,)),
    ),
    "echoed by the kernel meanwhile": one(
        b"r1#\r\nr1#",
        *cut(b"r1#"),
        *cut(b"\r\nr1#"),
        manner=Manner(echo=Echo.AT_ONCE, think=0.4),
    ),
}


@pytest.mark.parametrize("case", LATE.values(), ids=LATE)
def test_an_answer_that_is_late_is_not_taken_for_the_next_one(case: Case) -> None:
    for dice in range(40):
        (outcome,) = judged(replace(case, seed=dice))
        assert outcome.judgement is not Judgement.WRONG, dice
