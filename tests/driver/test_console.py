"""How a command line is learned: what the user said of the prompt, and what a device does."""

from __future__ import annotations

import asyncio
import re

import pytest
from support import warp
from support.wire import Manner, console_of


async def learned_after(hint: str | None, prompt: bytes) -> tuple[float, bytes]:
    """Learn a prompt; give the seconds that it took, and what was learned."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pattern = re.compile(hint) if hint else None
    async with console_of(Manner(prompt=b"\r\n" + prompt), hint=pattern) as (console, _):
        return loop.time() - begun, console.template.prompt


@pytest.mark.parametrize("prompt", [b"acme1>> ", b"r1#"])
def test_a_greeting_that_ends_as_the_user_said_is_not_waited_for(prompt: bytes) -> None:
    slow, plain = warp.run(learned_after(None, prompt))
    fast, hinted = warp.run(learned_after(re.escape(prompt.decode()) + "$", prompt))
    assert plain == hinted == prompt
    assert fast < slow


def test_a_wrong_word_of_the_user_does_no_harm() -> None:
    _, prompt = warp.run(learned_after("welcome", b"r1#"))
    assert prompt == b"r1#"
    _, prompt = warp.run(learned_after("never shown", b"r1#"))
    assert prompt == b"r1#"
