"""What a network OS is like from the outside: a YAML file under ``data/`` each, read into values.

Owns the shape of those files. Refuses to know sessions: see `shell`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from collector.document import load_document
from collector.lab.terminal import Echo
from collector.lab.text import Text

__all__ = ["Command", "Enable", "Mode", "Pager", "PagerSwitch", "Persona", "persona", "personas"]

_DATA = Path(__file__).parent / "data"
_TEXT_KEYS = {"head", "each", "tail", "notes", "count", "sized"}


class PagerSwitch(StrEnum):
    """What a command does to the pager of its session."""

    KEEP = "keep"
    OFF = "off"
    ON = "on"
    ARGUMENT = "argument"  # the command's last word is the number of lines, 0 for off


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A privilege level or configuration mode; ``parent`` is where `exit` leads, None closes."""

    name: str
    prompt: str
    parent: str | None = None
    configures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """``more`` is shown after ``lines`` lines and ``erase`` when a key answers it."""

    more: str
    erase: str
    lines: int = 24
    other_keys_quit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Enable:
    """How the enable password is asked for; ``refused`` is shown after ``attempts`` wrong ones."""

    ask: str
    refused: str
    attempts: int = 3
    each_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a line of ``words`` does; the word ``*`` stands for any one word."""

    words: tuple[str, ...]
    text: Text = field(default_factory=Text)
    modes: tuple[str, ...] = ()  # empty: every mode that does not configure
    enters: str | None = None
    secret: bool = False
    leaves: bool = False
    pager: PagerSwitch = PagerSwitch.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One OS. Its texts hold ``%{fact}`` places, line ends ``\\n``.

    ``unknown``, ``incomplete``, ``ambiguous`` are its denials; ``%{caret}`` there is the way to
    the column of the word at fault, ``%{line}`` what was typed. ``unknown_name`` answers a line of
    one unknown word, where the OS then tries it as a host name.
    """

    name: str
    banner: str
    greeting: str
    modes: Mapping[str, Mode]
    start: str
    privileged: str
    commands: tuple[Command, ...]
    pager: Pager
    unknown: str
    incomplete: str
    ambiguous: str
    unknown_name: str = ""
    enable: Enable | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    filter_separator: str = " | "
    abbreviates: bool = True
    echo: Echo = Echo.WHEN_READ


@cache
def personas() -> tuple[str, ...]:
    """The names of all that the lab can play."""
    return tuple(sorted(path.stem for path in _DATA.glob("*.yaml")))


@cache
def persona(name: str) -> Persona:
    """Read one of `personas` (blocking, once)."""
    data = dict(load_document(_DATA / f"{name}.yaml").data)
    data["modes"] = {key: Mode(name=key, **value) for key, value in data["modes"].items()}
    data["commands"] = tuple(_commands(data["commands"].items()))
    data["pager"] = Pager(**data["pager"])
    if "enable" in data:
        data["enable"] = Enable(**data["enable"])
    if "echo" in data:
        data["echo"] = Echo(data["echo"])
    return Persona(name=name, **data)


def _commands(entries: Iterable[tuple[str, Any]]) -> Iterable[Command]:
    for line, entry in entries:
        if isinstance(entry, str):
            yield Command(words=tuple(line.split()), text=Text(head=entry))
            continue
        rest = dict(entry or {})
        text = {key: rest.pop(key) for key in _TEXT_KEYS & rest.keys()}
        if "notes" in text:
            text["notes"] = tuple(text["notes"])
        if "modes" in rest:
            rest["modes"] = tuple(rest["modes"])
        if "pager" in rest:
            rest["pager"] = PagerSwitch(rest["pager"])
        yield Command(words=tuple(line.split()), text=Text(**text), **rest)
