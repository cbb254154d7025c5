"""What a device asks in place of a prompt: pagers, passwords, confirmations.

Owns the patterns, all tied to the end of what was heard. Pure: refuses to know what is answered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from collector.driver.template import visible

PAGER: Final = re.compile(
    rb"(?:[<(\[ ]*(?:-{2,5}|(?<!\w)-) ?[<(\[]?more\b[^\r\n]{0,60}"
    rb"|\(more[^\r\n]{0,40}\)"
    rb"|lines \d+-\d+[^\r\n]{0,30}"
    rb"|(?:press|hit|type) (?:any key|<?space>?|<?enter>?|<?return>?)[^\r\n]{0,70}"
    rb"|<space>[^\r\n]{0,60})[\s\x00]*$",
    re.IGNORECASE,
)
"""The pagers met in recordings of many platforms; a platform's data may add its own."""

PASSWORD: Final = re.compile(
    rb"(?:pass(?:word|code|phrase)[^\n]{0,40}|response)[:?] *$", re.IGNORECASE
)

USERNAME: Final = re.compile(rb"(?<!last )(?:log-?in|user ?name|user)(?: as)? *: *$", re.IGNORECASE)

_CONFIRM: Final = re.compile(
    rb"(?:\(?\[?y(?:es)?[/|]no?\]?\)?|\[confirm\]|\[(?:y|n|yes|no)\]|\(yes/no/\[fingerprint\]\))"
    rb" *[:?]? *$",
    re.IGNORECASE,
)

_CHOICE: Final = re.compile(
    rb"\b(?:accept|agree|choice|choose|continue|enter|option|press|select(?:ion)?|type)\b"
    rb"[^\n]{0,60}[:?] *$",
    re.IGNORECASE,
)

_TURNED_AWAY: Final = re.compile(
    rb"no free \S+"
    rb"|no (?:\S+ )?(?:lines?|sessions?|vtys?|terminals?) (?:is |are )?(?:available|free)"
    rb"|\b(?:lines|sessions|vtys|terminals|connections|users|logins)\b[^\n]{0,30}"
    rb"\b(?:busy|exceeded|in use|full|occupied|reached)"
    rb"|too many (?:\S+ ){0,3}(?:connections|logins|sessions|users)"
    rb"|max(?:imum|\.)? (?:\S+ ){0,3}(?:connections|lines|logins|sessions|users)"
    rb"|(?:limit|maximum)[^\n]{0,40}(?:exceeded|reached)"
    rb"|(?:try|come back)(?: again)? later",
    re.IGNORECASE,
)


def is_question(line: bytes) -> bool:
    r"""Tell whether a last line waits for a password, a name or a yes.

    >>> is_question(b"Password: "), is_question(b"Save? [yes/no]: "), is_question(b"r1#")
    (True, True, False)
    """
    line = visible(line)
    return any(pattern.search(line) for pattern in (PASSWORD, USERNAME, _CONFIRM))


def offers_a_choice(line: bytes) -> bool:
    r"""Tell whether what looks like a prompt is a menu, or terms that are to be accepted.

    >>> offers_a_choice(b"Enter your choice: "), offers_a_choice(b"switch: ")
    (True, False)
    """
    return _CHOICE.search(visible(line)) is not None


def is_turned_away(words: bytes) -> bool:
    r"""Tell whether a device that hung up before its prompt said that it has no room.

    >>> is_turned_away(b"% No free lines, try later"), is_turned_away(b"Welcome")
    (True, False)
    """
    return _TURNED_AWAY.search(visible(words)) is not None


def pager_at(line: bytes, extra: Sequence[re.Pattern[bytes]] = ()) -> int | None:
    r"""Tell where in a last line a pager's words begin; None where there is none.

    >>> pager_at(b" --More-- "), pager_at(b"show run | no-more"), pager_at(b"r1#")
    (0, None, None)
    """
    seen = visible(line)
    for pattern in (*extra, PAGER):
        if found := pattern.search(seen):
            if not seen[: found.start()].strip():
                return 0
            raw = pattern.search(line)
            return raw.start() if raw else 0
    return None
