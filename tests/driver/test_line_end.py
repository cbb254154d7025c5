"""A device without echo: whose the line end is that its answers begin with."""

from __future__ import annotations

import pytest
from support import warp
from support.wire import Manner, Part, console_of

from collector.driver.asking import Asking, Unproven, Whole
from collector.lab.terminal import Echo
from collector.model import Phase

VERSION, SHOW = b"show version", b"show"
OWN = Manner(prompt=b"\r\nr1#", echo=Echo.NONE, own_line_end=True)  # the prompt brings it
RETURN = Manner(prompt=b"\r\nr1#", echo=Echo.NONE, shows_return=True)  # the return is shown


async def collected(manner: Manner, text: bytes, decide: bool) -> Whole | Unproven:
    plays = {VERSION: [[Part(data=b"IOS 17\r\n")]], SHOW: [[Part(data=text)]]}
    async with console_of(manner, plays) as (console, _):
        assert console.template.undecided
        if decide:
            await console.settle_line_end([VERSION])
        console.stream.allow(120, Phase.COMMAND)
        return await Asking(console, SHOW).whole()


@pytest.mark.parametrize("manner", [OWN, RETURN], ids=["own", "return"])
@pytest.mark.parametrize(
    "text",
    [b"up\r\n", b"\r\nup\r\n", b"", b"\r\n", b"up", b"\r\nup", b"\r\n\r\nup\r\n\r\n"],
)
def test_once_it_is_decided_every_output_is_exact(manner: Manner, text: bytes) -> None:
    outcome = warp.run(collected(manner, text, decide=True))
    assert isinstance(outcome, Whole)
    assert outcome.body == text


@pytest.mark.parametrize("text", [b"\r\nup\r\n", b"\r\n", b"", b"\r\nup"])
@pytest.mark.parametrize("manner", [OWN, RETURN], ids=["own", "return"])
def test_what_cannot_be_told_is_refused(manner: Manner, text: bytes) -> None:
    assert isinstance(warp.run(collected(manner, text, decide=False)), Unproven)


@pytest.mark.parametrize("version", [b"", b"\r\n", b"\r\nIOS 17\r\n"])
def test_an_output_that_tells_nothing_decides_nothing(version: bytes) -> None:
    async def undecided() -> bool:
        async with console_of(OWN, {VERSION: [[Part(data=version)]]}) as (console, _):
            await console.settle_line_end([VERSION])
            return console.template.undecided

    assert warp.run(undecided())


def test_an_output_that_begins_with_a_word_decides() -> None:
    outcome = warp.run(collected(OWN, b"up\r\n", decide=False))
    assert isinstance(outcome, Whole)
    assert outcome.body == b"up\r\n"
