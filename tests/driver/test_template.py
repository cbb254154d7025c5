"""The learned answer to a blank line: any prompt is found where it is, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.driver.template import Template, learn, visible

PROMPTS = {
    "ios": b"r1#",
    "user-mode": b"r1>",
    "blank-behind": b"r1# ",
    "junos": b"user@mx1> ",
    "junos-master": b"{master:0}\r\nuser@mx1> ",
    "xr": b"RP/0/RSP0/CPU0:xr1#",
    "vrp": b"[~core-1]",
    "comware": b"<HPE core>",
    "blanks-inside": b"core switch 1# ",
    "parentheses": b"(Cisco Controller) >",
    "context": b"asa/admin/act(config)# ",
    "sros": b"*A:pe1>config>router# ",
    "hashes": b"SSH@#HOSTNAME#",
    "cleared": b"\x1b[H\x1b[Jr1# ",
    "coloured": b"\x1b[1;32muser@host\x1b[0m:\x1b[34m~\x1b[0m$ ",
    "titled": b"\x1b]0;user@host: ~\x07user@host:~$ ",
    "pasting": b"\x1b[?2004huser@host:~$ ",
    "routeros": b"\r\r\r\r[admin@MikroTik] > ",
    "like-a-clock": b"10.0.0.1:22 r1#",
    "utf-8": "näs-1# ".encode(),
}


def answer(blanks: int, prompt: bytes, line_end: bytes = b"\r\n", echoes: bool = True) -> bytes:
    return (b" " * blanks if echoes else b"") + line_end + prompt


def learned(prompt: bytes, *, echoes: bool = True, first: int = 3, second: int = 7) -> Template:
    template = learn(
        first,
        answer(first, prompt, echoes=echoes),
        second,
        answer(second, prompt, echoes=echoes),
    )
    assert template is not None
    return template


@pytest.mark.parametrize("echoes", [True, False], ids=["echo", "silent"])
@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_is_learned(name: str, echoes: bool) -> None:
    prompt = PROMPTS[name]
    template = learned(prompt, echoes=echoes)
    assert template.echoes == echoes
    shown = visible(prompt.rsplit(b"\n", 1)[-1]).lstrip(b"\r")
    assert visible(template.prompt) == template.normal(shown)
    for blanks in (1, 5, 12):
        line = b" " * blanks
        assert template.answer(line) == template.normal(answer(blanks, prompt, echoes=echoes))
    if echoes:
        assert template.echo(b"show version") == b"show version\r\n"


@pytest.mark.parametrize("name", PROMPTS)
def test_it_stands_at_the_end_of_an_output_and_is_cut_there(name: str) -> None:
    prompt = PROMPTS[name]
    template = learned(prompt)
    output = b"one\r\n" + prompt + b"two\r\n"
    heard = bytearray(output + prompt)
    assert template.prompt_end(heard, 0) == len(heard)
    assert template.prompt_end(heard + b"\x1b[K", 0) == len(heard)
    ending = template.ending_at(bytes(heard), 0, len(heard))
    assert bytes(heard[: len(heard) - len(ending)]) == output
    assert template.prompt_end(bytearray(heard + b" "), 0) is None
    assert template.prompt_end(bytearray(heard + b"\r\n"), 0) is None
    assert template.prompt_end(heard, len(heard) - len(template.prompt) + 1) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"12:01:33 r1#", b"12:01:34 r1#"),
        (b"[9:01:33] r1#", b"[9:01:33] r1#"),  # a clock is one even while it stands
        (b"r1[41]#", b"r1[42]#"),
        (b"admin@r1 (load 0.31)> ", b"admin@r1 (load 1.04)> "),
    ],
)
def test_digits_that_change_are_masked(first: bytes, second: bytes) -> None:
    template = learn(2, answer(2, first), 5, answer(5, second))
    assert template is not None
    assert template.masked
    third = first.replace(b"3", b"8").replace(b"1", b"7")
    heard = bytearray(b"text\r\n" + third)
    assert template.prompt_end(heard, 0) == len(heard)
    assert template.prompt_end(heard + b"\x1b[K", 0) == len(heard)
    assert template.ending_at(bytes(heard), 0, len(heard)) == template.normal(third)
    assert template.normal(answer(4, third)) == template.answer(b"    ")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"  \r\nr1#", b"   \r\nr1#"),  # one blank more, where three more were sent
        (b"  \r\nr1#", b"     \r\nr2#r"),
        (b"  \r\nr1#", b"     \r\nr1#\r\n%LINK-3-UPDOWN: up\r\nr1#"),
        (b"  \r\n", b"     \r\n"),  # nothing is shown
        (b"  \r\n\x1b[0m", b"     \r\n\x1b[0m"),
        (b"", b""),
    ],
)
def test_what_does_not_agree_is_not_learned(first: bytes, again: bytes) -> None:
    assert learn(2, first, 5, again) is None


@given(
    prompt=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).map(
        str.encode
    ),
    blank=st.booleans(),
    output=st.binary(max_size=80),
    first=st.integers(1, 12),
    second=st.integers(1, 12),
)
def test_any_prompt_is_learned_and_any_output_is_cut_whole(
    prompt: bytes, blank: bool, output: bytes, first: int, second: int
) -> None:
    if first == second:
        return
    prompt += b" " if blank else b""
    template = learned(prompt, first=first, second=second)
    heard = template.echo(b"show") + output + b"\r\n" + prompt
    start = len(b"show\r\n")
    assert heard[:start] == b"show\r\n"
    assert template.prompt_end(bytearray(heard), start) == len(heard)
    block = template.ending_at(heard, start, len(heard))
    assert heard[start : len(heard) - len(block)] == output + b"\r\n"
