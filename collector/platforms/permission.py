"""Whether a command may be sent: it reads, it might do more, or it configures.

Owns how a command's words are held against a platform's tables, abbreviations undone. Refuses to
know what the user allowed: that is for the caller to weigh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.model import is_one_line
from collector.platforms.model import Platform


class Permission(StrEnum):
    """What a command may do, from harmless to never."""

    READ_ONLY = "read-only"
    UNSAFE = "unsafe"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A command's permission and, unless it is harmless, why in a few words."""

    permission: Permission
    reason: str = ""


_ANY: Final = "..."  # in a table: one word or more
_QUOTED: Final = re.compile(r'"[^"]*"|\'[^\']*\'')
_SEPARATORS: Final = re.compile(r"[;&\n]+|\|\|")  # NX-OS and shells take several commands in a line
_EXPANDED: Final = re.compile(r"[`${}\[\]\\]")  # a shell or RouterOS runs what stands in these
_RECALLED: Final = "!"  # an earlier command of the session or its history file, also in quotes
_GRAVITY: Final = tuple(Permission)


def permission_of(command: str, platform: Platform) -> Ruling:
    """Tell what ``command`` may do on ``platform``.

    Anything that the tables do not name is unsafe, never harmless: also a redirect into a file, a
    pipe into something that is not a known filter, and a question mark (help, which leaves the
    text on the line). A command of several lines is refused: only what was ruled on is sent.
    """
    if not is_one_line(command):
        return Ruling(permission=Permission.REFUSED, reason="not one line of printable text")
    bare = _QUOTED.sub(lambda quoted: re.sub(r"[^\w\s]", "_", quoted[0]), command)
    rulings = [_rule_on_one(part, platform) for part in _SEPARATORS.split(bare) if part.strip()]
    recalled = platform.history and _RECALLED in command
    if platform.shell and (recalled or _EXPANDED.search(command)):
        rulings.append(Ruling(permission=Permission.UNSAFE, reason="expansion by the shell"))
    return max(
        rulings or [Ruling(permission=Permission.UNSAFE, reason="no command")],
        key=lambda ruling: _GRAVITY.index(ruling.permission),
    )


def _rule_on_one(text: str, platform: Platform) -> Ruling:
    first, *pipes = text.split("|")
    ruling = _rule_on_words(first, platform)
    if ruling.permission is not Permission.READ_ONLY:
        return ruling
    if match := re.search(r"[<>?]", text):
        return Ruling(permission=Permission.UNSAFE, reason=f"{match[0]!r} in the command")
    for pipe in pipes:
        if not _matching(_words(pipe), platform.filters, platform):
            return Ruling(permission=Permission.UNSAFE, reason=f"pipe into {pipe.strip()!r}")
    return ruling


def _rule_on_words(text: str, platform: Platform) -> Ruling:
    words = _words(text)
    if words[:1] == ["/"] and not any(entry.startswith("/") for entry in platform.read_only):
        words = words[1:]  # elsewhere it means "from the top": Nokia
    reads = _matching(words, platform.read_only, platform)
    configures = _matching(words, platform.config_modes, platform)
    if configures and configures >= reads:
        return Ruling(permission=Permission.REFUSED, reason="it configures or restarts the device")
    if reads or " ".join(text.split()) in platform.paging_off:  # sent at login anyway
        return Ruling(permission=Permission.READ_ONLY)
    return Ruling(permission=Permission.UNSAFE, reason="not among the read-only commands")


def _words(text: str) -> list[str]:
    """Split into words, the path of a first word like ``/ip/address`` taken apart.

    >>> _words("show  version")
    ['show', 'version']
    >>> _words("/ip/address print")
    ['/', 'ip', 'address', 'print']
    """
    first, *rest = text.lower().split() or [""]
    if not first.startswith("/"):
        return [word for word in (first, *rest) if word]
    return ["/", *(part for part in first.split("/") if part), *rest]


def _matching(words: Sequence[str], table: Sequence[str], platform: Platform) -> int:
    """Return how many words the longest entry has that ``words`` begins with; 0 for none.

    A word that some entry has in full means that entry alone, so ``set`` is no short ``setup``.
    """
    entries = [_words(entry) for entry in table]
    known = {entry[0] for name in ("read_only", "config_modes") for entry in _table(platform, name)}
    whole = bool(words) and words[0] in known
    return max(
        (
            len(entry)
            for entry in entries
            if (not whole or words[0] == entry[0])
            and _begins(words, entry, abbreviated=platform.abbreviates)
        ),
        default=0,
    )


def _table(platform: Platform, name: str) -> Iterator[list[str]]:
    return (_words(entry) for entry in getattr(platform, name))


def _begins(words: Sequence[str], entry: Sequence[str], *, abbreviated: bool) -> bool:
    if not entry:
        return True
    if not words:
        return False
    if entry[0] == _ANY:
        return any(
            _begins(words[skip:], entry[1:], abbreviated=abbreviated)
            for skip in range(1, len(words))
        )
    return _is(words[0], entry[0], abbreviated=abbreviated) and _begins(
        words[1:], entry[1:], abbreviated=abbreviated
    )


def _is(word: str, known: str, *, abbreviated: bool) -> bool:
    if known.endswith("="):
        return word.startswith(known)
    return word == known or (abbreviated and known.startswith(word))
