"""Which command a typed line means: abbreviations, wildcards and the three ways to be wrong.

Pure. Refuses to know what a command does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from collector.lab.persona import Command

__all__ = ["Mistake", "Wrong", "understand"]

_WORD = re.compile(r"\S+")
_ANY = "*"


class Wrong(StrEnum):
    """Why a line means nothing."""

    UNKNOWN = "unknown"
    INCOMPLETE = "incomplete"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """``column`` is where in the line the word at fault begins."""

    wrong: Wrong
    column: int
    first_word: bool = False


def understand(
    line: str, commands: Sequence[Command], *, abbreviates: bool = True
) -> Command | Mistake:
    """Find the one command that ``line`` means.

    >>> show = [Command(words=("show", "version")), Command(words=("show", "inventory"))]
    >>> understand("sh ver", show).words
    ('show', 'version')
    >>> understand("show vlan", show)
    Mistake(wrong=<Wrong.UNKNOWN: 'unknown'>, column=5, first_word=False)
    """
    left = list(commands)
    words = list(_WORD.finditer(line))
    for at, match in enumerate(words):
        found = _narrow(left, at, match.group().lower(), abbreviates)
        if not found:
            return Mistake(wrong=Wrong.UNKNOWN, column=match.start(), first_word=at == 0)
        left = found
    whole = [command for command in left if len(command.words) == len(words)]
    if len(whole) == 1:
        return whole[0]
    if whole or _several(left, len(words)):
        column = words[-1].start() if words else 0
        return Mistake(wrong=Wrong.AMBIGUOUS, column=column)
    return Mistake(wrong=Wrong.INCOMPLETE, column=len(line))


def _narrow(commands: list[Command], at: int, word: str, abbreviates: bool) -> list[Command]:
    long_enough = [command for command in commands if len(command.words) > at]
    exact = [command for command in long_enough if command.words[at] == word]
    if exact:
        return exact
    if abbreviates and (begun := [c for c in long_enough if c.words[at].startswith(word)]):
        return begun
    return [command for command in long_enough if command.words[at] == _ANY]


def _several(commands: list[Command], count: int) -> bool:
    return len({command.words[:count] for command in commands}) > 1
