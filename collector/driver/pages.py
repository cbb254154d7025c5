"""Where the text goes on after a page: the pager's words, and how it erases them once answered.

Owns the shapes of these erasures, and the reading of one that could be longer or shorter. Pure:
refuses to know how a pager is answered.
"""

from __future__ import annotations

import re
from typing import Final

from collector.driver.terminal import clean

RUB_OUT: Final = re.compile(
    rb"(?: {0,2}\x08+ *\x08*"
    rb"|\x1b\[\d*D *\x1b\[\d*D"
    rb"|\r?(?:\x1b\[\d*[KJ])+\r?"
    rb"|\r *\r(?!\n)(?:\x1b\[\d*K)?"
    rb"|\x1b\[\d*;?\d*[Hm])+"
)
"""How a pager erases itself once it was answered."""
_CURSOR: Final = b"x"
_WIDEST: Final = 2048
"""Bytes of an erasure that are tried one by one; a line of 511 columns takes some 1,500."""


def page_end(heard: bytearray, line: int, page: int, answered: int, last: int) -> int | None:
    r"""Tell where the text goes on after a page; None where that cannot be known.

    ``heard[line:page]`` stands before the pager's words on their line, where no text may be;
    ``heard[page:answered]`` are the words, and the erasure ends before ``last``. After it nothing
    of the words is left, and what comes next is written where they began. What looks like more of
    it may be text that redraws its line: where the two readings differ, there is no answer.

    >>> erased = b"\r        \r"
    >>> page_end(bytearray(b"--More--" + erased + b"line 25"), 0, 0, 8, 25)
    18
    >>> page_end(bytearray(b"--More--" + erased + erased + b"line 25"), 0, 0, 8, 35)
    >>> page_end(bytearray(b"--More--line 25"), 0, 0, 8, 15)
    """
    before = clean(bytes(heard[line:page]))
    rub_out = RUB_OUT.match(heard, answered, last)
    if before.strip() or not rub_out or rub_out.end() - answered > _WIDEST:
        return None
    longest = rub_out.end()
    shortest = _erased(heard, page, answered, longest)
    if shortest is None:
        return None
    rest = bytes(heard[longest : _line_end(heard, longest, last)])
    if clean(before + heard[shortest:longest] + rest) != clean(before + rest):
        return None
    return longest


def _erased(heard: bytearray, page: int, answered: int, longest: int) -> int | None:
    """Find where first nothing of the words is left and the cursor is back."""
    for end in range(answered + 1, longest + 1):
        if clean(bytes(heard[page:end]) + _CURSOR).rstrip(b" ") == _CURSOR:
            return end
    return None


def _line_end(heard: bytearray, start: int, last: int) -> int:
    end = heard.find(b"\n", start, last)
    return last if end < 0 else end
