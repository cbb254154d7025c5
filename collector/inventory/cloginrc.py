r"""RANCID's ``.cloginrc``: who logs in to a device, and how.

Owns what can be known of it without running it: lines of words, as cloginrc(5) has them, of which
the first whose glob fits a device counts. A line that is more than words (a variable, a command) is
told and not read. Its passwords tell logins apart and go nowhere. Refuses to know what becomes of
a login.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from collector.errors import InputError
from collector.inventory.foreign import Login
from collector.model import Transport

FILE: Final = ".cloginrc"
_READ: Final = ("user", "userpassword", "password", "method", "autoenable", "noenable")
_WORD: Final = re.compile(
    r"\s*(?:\{((?:[^{}\\]|\\.)*)\}|\"((?:[^\"\\$\[]|\\.)*)\"|((?:[^\s{}\"\\$\[\];]|\\.)+))(?=\s|$)"
)
_METHOD: Final = re.compile(r"(ssh|telnet)(?::(\d{1,5}))?")
_HIGHEST_PORT: Final = 65535

_Lines = tuple[tuple[str, tuple[str, ...]], ...]  # the glob, and the values behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """All that the file says; ``remarks`` has a line for each that was not read."""

    lines: Mapping[str, _Lines]
    remarks: tuple[str, ...] = ()

    def login(self, device: str) -> Login:
        """Give the login of a device; its parts are empty where the file has none."""
        passwords = self._first("password", device)
        enabled = self._is_set("autoenable", device) or self._is_set("noenable", device)
        own = self._first("userpassword", device)
        return Login(
            username=next(iter(self._first("user", device)), ""),
            password=next(iter(own or passwords), ""),
            enable="" if enabled or len(passwords) < 2 else passwords[1],
        )

    def method(self, device: str) -> tuple[Transport, int]:
        """Give how a device is reached, by the first method that is one here; port 0: the usual."""
        for word in self._first("method", device):
            found = _METHOD.fullmatch(word.lower())
            if found:
                port = int(found[2] or 0)
                return Transport(found[1]), port if port <= _HIGHEST_PORT else 0
        return Transport.SSH, 0

    def _is_set(self, directive: str, device: str) -> bool:
        return self._first(directive, device)[:1] == ("1",)

    def _first(self, directive: str, device: str) -> tuple[str, ...]:
        fitting = (values for glob, values in self.lines.get(directive, ()) if _fits(device, glob))
        return next(fitting, ())


def read_cloginrc(path: Path) -> Logins:
    """Read the file; InputError where it cannot be opened. No line of it is ever quoted."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    lines: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    remarks = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = _words(line)
        if words[:1] == ("include",):
            remarks.append(f"{path}:{number}: not followed: include; its logins are not known")
        elif len(words) > 2 and words[0] == "add":
            if words[1] in _READ:
                lines.setdefault(words[1], []).append((words[2], words[3:]))
        else:
            remarks.append(f"{path}:{number}: not read: expected words alone: add, what, for whom")
    known = {directive: tuple(each) for directive, each in lines.items()}
    return Logins(lines=known, remarks=tuple(remarks))


def _words(line: str) -> tuple[str, ...]:
    r"""Split a line into its words; none where it is more than words.

    >>> _words(r"add password *.example.net {a b} {c\}d}")
    ('add', 'password', '*.example.net', 'a b', 'c}d')
    >>> _words("add user * $env(USER)"), _words("add user * [exec id]")
    ((), ())
    """
    words, place, line = [], 0, line.rstrip()
    while place < len(line):
        found = _WORD.match(line, place)
        if not found:
            return ()
        word = next(group for group in found.groups() if group is not None)
        words.append(re.sub(r"\\(.)", r"\1", word))
        place = found.end()
    return tuple(words)


def _fits(device: str, glob: str) -> bool:
    return fnmatchcase(device, glob.lower())
