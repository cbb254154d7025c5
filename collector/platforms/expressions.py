r"""What a regular expression can be seen to need, and to cost, before it is used.

Owns a reading of Python's grammar that is just deep enough for two questions: which literal text
must a match hold, so that `in` can rule it out; and can it take for ever on an ordinary line, which
`re` does not notice and cannot be stopped at. Refuses to know what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

_QUANTIFIER: Final = re.compile(
    r"(?:(?P<sign>[*+?])|\{(?=[\d,]*\d[\d,]*\})(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})"
    r"(?P<kind>[?+]?)"
)
_OPENING: Final = re.compile(
    r"\((?:\?(?:P<\w+>|[:=!>]|<[=!]|[aiLmsux-]+[:)]|P=\w+|\(\w+\)|#[^)]*))?"
)
_LOOKS: Final = re.compile(r"\(\?(?:[=!]|<[=!]|\()")  # what it holds is not in the match
_ATOM: Final = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|[0-7]{1,3}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL
)
_SIGNS: Final = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_FEW: Final = 16
"""Repeats up to here are no danger: a group of them cannot be split in too many ways."""
_NO_TEXT: Final = frozenset("^$.")  # among the atoms of one character: those that mean something


@dataclass(frozen=True)
class _Item:
    """An atom, or a group with its alternatives, and how often it may come; ``most`` None: ever."""

    text: str
    choices: tuple[tuple[_Item, ...], ...] = ()
    least: int = 1
    most: int | None = 1
    gives_back: bool = True

    @property
    def is_endless(self) -> bool:
        return self.most is None or self.most > _FEW

    @property
    def is_atomic(self) -> bool:
        return self.text.startswith("(?>")

    @property
    def literal(self) -> str:
        """The character that it stands for, empty where it is not just one."""
        if self.choices or len(self.text) > 2:
            return ""
        if self.text[0] == "\\":
            return "" if self.text[1].isalnum() else self.text[1]
        return "" if self.text in _NO_TEXT else self.text

    @cached_property
    def bytes(self) -> frozenset[int]:
        """The single bytes that an atom matches; a group, or what is no atom: all of them."""
        try:
            atom = re.compile(self.text.encode(), re.DOTALL)
        except re.error:
            return frozenset(range(256))
        if self.choices:
            return frozenset(range(256))
        return frozenset(byte for byte in range(256) if atom.fullmatch(bytes([byte])))


@cache
def needles(pattern: re.Pattern[bytes]) -> tuple[bytes, ...]:
    r"""Return texts of which every match holds one, as long as is easily seen; or an empty one.

    >>> needles(re.compile(rb"^ *username (\S+) secret \d (\S+)"))
    (b'username ',)
    >>> needles(re.compile(rb"^ *(?:password|secret) \d (\S+)"))
    (b'password', b'secret')
    >>> needles(re.compile(rb"(?i)ntp clock-period"))
    (b'',)
    """
    if pattern.flags & (re.IGNORECASE | re.VERBOSE):
        return (b"",)
    text = pattern.pattern.decode("utf-8", "surrogateescape")
    found = _of_choices(_read(text))
    return tuple(each.encode("utf-8", "surrogateescape") for each in found)


def _of_choices(choices: tuple[tuple[_Item, ...], ...]) -> tuple[str, ...]:
    each = [max(_of_items(items), key=lambda texts: min(map(len, texts))) for items in choices]
    return tuple(dict.fromkeys(text for texts in each for text in texts))


def _of_items(items: tuple[_Item, ...]) -> Iterator[tuple[str, ...]]:
    """Yield what a match of these in a row holds: runs of characters, and one of each group."""
    run = ""
    for item in items:
        if item.literal and item.least:
            run += item.literal
        if item.literal and (item.least, item.most) == (1, 1):
            continue
        yield (run,)
        run = item.literal if item.least and item.most == 1 else ""
        if item.choices and item.least and not _LOOKS.match(item.text):
            yield _of_choices(item.choices)
    yield (run,)


def endless(text: str) -> str:
    r"""Say why an expression may take for ever on a line of some dozen characters; else nothing.

    >>> endless(r"(\d+,)*x"), endless(r"(?: +\S+)+$"), endless(r"(?:\w+)*+x")
    ('', '', '')
    >>> endless(r"(\w+ ?)*:")
    '(\\w+ ?)* repeats what repeats itself; write it as (?>(\\w+ ?)*)'
    """
    for item in _everything(_read(text)):
        if item.is_endless and item.gives_back and item.choices and _is_ambiguous(item):
            return f"{item.text} repeats what repeats itself; write it as (?>{item.text})"
    return ""


def _is_ambiguous(group: _Item) -> bool:
    """Say whether a repeated group may divide a text in more than one way, as far as can be told.

    It does not where a part of fixed length ends each time with what no other part matches, or
    where each part stops where the next begins.
    """
    if group.is_atomic or not any(item.is_endless for item in _everything(group.choices)):
        return False
    if len(group.choices) > 1:
        return True
    (parts,) = group.choices
    for fixed in (part for part in parts if part.literal and part.most == part.least == 1):
        if not any(fixed.bytes & part.bytes for part in parts if part is not fixed):
            return False
    neighbours = zip(parts, (*parts[1:], parts[0]), strict=True)
    return len(parts) < 2 or any(
        not one.least or one.choices or one.bytes & other.bytes for one, other in neighbours
    )


def _everything(choices: tuple[tuple[_Item, ...], ...]) -> Iterator[_Item]:
    for choice in choices:
        for item in choice:
            yield item
            if item.is_atomic:  # nothing after its last part can make that try again
                yield from _everything(tuple(choice[:-1] for choice in item.choices))
            else:
                yield from _everything(item.choices)


def _read(text: str) -> tuple[tuple[_Item, ...], ...]:
    return _read_choices(text, 0)[0]


def _read_choices(text: str, place: int) -> tuple[tuple[tuple[_Item, ...], ...], int]:
    """Read alternatives up to the end or a closing parenthesis; the text is known to compile."""
    choices: list[tuple[_Item, ...]] = []
    items: list[_Item] = []
    while place < len(text) and text[place] != ")":
        if text[place] == "|":
            choices.append(tuple(items))
            items, place = [], place + 1
        else:
            item, place = _read_item(text, place)
            items.append(item)
    return (*choices, tuple(items)), place


def _read_item(text: str, start: int) -> tuple[_Item, int]:
    choices: tuple[tuple[_Item, ...], ...] = ()
    if opening := _OPENING.match(text, start):
        place = opening.end()
        if not opening[0].endswith(")"):
            choices, place = _read_choices(text, place)
            place += 1
    else:
        atom = _ATOM.match(text, start)
        assert atom is not None  # any character is one
        place = atom.end()
    quantifier = _QUANTIFIER.match(text, place)
    if quantifier is None:
        return _Item(text[start:place], choices), place
    least, most = _times(quantifier)
    end = quantifier.end()
    whole = text[start:end] if choices else text[start:place]
    return _Item(whole, choices, least, most, quantifier["kind"] != "+"), end


def _times(quantifier: re.Match[str]) -> tuple[int, int | None]:
    if quantifier["sign"]:
        return _SIGNS[quantifier["sign"]]
    least = int(quantifier["least"] or 0)
    if not quantifier["comma"]:
        return least, least
    return least, int(quantifier["most"]) if quantifier["most"] else None
