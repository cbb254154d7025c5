"""What is known of one network OS, as a value with its regular expressions.

Owns the shape that the driver works with. Refuses to know where the facts are written, how they
are validated, and how a device is talked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import AnyStr, Generic, overload


class Expressions(Sequence[re.Pattern[AnyStr]], Generic[AnyStr]):
    """Regular expressions of the same flags, compiled when one is first looked at.

    A platform has eighty, and a run asks none before a device has answered. The texts are right.
    """

    __slots__ = ("_compiled", "_flags", "_texts")

    def __init__(self, texts: Sequence[AnyStr], flags: int = 0) -> None:
        self._texts: tuple[AnyStr, ...] = tuple(texts)
        self._flags = flags
        self._compiled: tuple[re.Pattern[AnyStr], ...] | None = None

    def _all(self) -> tuple[re.Pattern[AnyStr], ...]:
        if self._compiled is None:
            self._compiled = tuple(re.compile(text, self._flags) for text in self._texts)
        return self._compiled

    @overload
    def __getitem__(self, place: int) -> re.Pattern[AnyStr]: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[re.Pattern[AnyStr], ...]: ...
    def __getitem__(
        self, place: int | slice
    ) -> re.Pattern[AnyStr] | tuple[re.Pattern[AnyStr], ...]:
        return self._all()[place]

    def __iter__(self) -> Iterator[re.Pattern[AnyStr]]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._texts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expressions):
            return NotImplemented
        return (self._texts, self._flags) == (other._texts, other._flags)

    def __hash__(self) -> int:
        return hash((self._texts, self._flags))

    def __repr__(self) -> str:
        return f"Expressions({self._texts!r}, {self._flags!r})"


class EditorKey(StrEnum):
    """A key that a line editor swallows without a trace: an echo then proves a read."""

    CTRL_E = "ctrl-e"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """How more rights are asked for, and the end of the prompt that shows they are missing."""

    command: str = "enable"
    prompt_suffix: str = ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Expressions that hold between two lines only: ``lines`` as those of `Passages`."""

    first: re.Pattern[bytes]
    last: re.Pattern[bytes]
    lines: Sequence[re.Pattern[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passages:
    """What is of one kind in a configuration, secret or volatile.

    Each of ``lines`` is searched for in a line without its end: what its groups hold is meant, or
    the whole line where it has none; those of ``within`` only between two others. ``blocks`` are
    the beginning and the end of what is all meant between them.
    """

    lines: Sequence[re.Pattern[bytes]] = ()
    blocks: tuple[tuple[re.Pattern[bytes], re.Pattern[bytes]], ...] = ()
    within: tuple[Within, ...] = ()


NOTHING = Passages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One network OS.

    ``lineage`` is this platform's name, then those it extends, nearest first. ``driver`` is the
    scrapli platform (core or scrapli_community), None where the generic driver does.
    ``denials`` and ``log_lines`` match a whole line without its surrounding blanks;
    ``end_markers`` the whole last line that is not blank, without its trailing blanks;
    ``pagers`` the end of the stream. ``prompt`` is a hint that a user gave, searched for at
    the end of the stream. ``auth_unreachable`` match a whole line that says in a login that the
    authentication server cannot be reached. ``read_only``, ``filters`` and ``config_modes`` are
    the words by which `permission_of` tells a harmless command; ``shell`` where the OS expands what
    is typed, ``history`` where such a shell also puts earlier commands in the place of ``!``.
    ``section_lines`` open a section of its configuration where indentation does not show it;
    ``volatile`` is what differs in it though nobody has changed it, ``secrets`` what nobody is to
    see. ``timeouts`` are those of its devices, by the names of `collector.model.Timeouts`, where an
    inventory says nothing else.
    """

    name: str
    title: str
    lineage: tuple[str, ...]
    driver: str | None = None
    backup: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    paging_off: tuple[str, ...] = ()
    enable: Enable | None = None
    end_markers: Mapping[str, re.Pattern[str]] = field(default_factory=lambda: MappingProxyType({}))
    denials: Sequence[re.Pattern[str]] = ()
    log_lines: Sequence[re.Pattern[str]] = ()
    log_commands: tuple[str, ...] = ()
    pagers: Sequence[re.Pattern[bytes]] = ()
    auth_unreachable: Sequence[re.Pattern[str]] = ()
    editor_key: EditorKey = EditorKey.CTRL_E
    return_char: str = "\n"
    prompt: re.Pattern[str] | None = None
    username_suffix: str = ""
    abbreviates: bool = True
    shell: bool = False
    history: bool = True
    read_only: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    config_modes: tuple[str, ...] = ()
    section_lines: Sequence[re.Pattern[bytes]] = ()
    volatile: Passages = NOTHING
    secrets: Passages = NOTHING
    timeouts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
