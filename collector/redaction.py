r"""Secrets taken out of what a device said, and out of what is said of it.

Owns the forms in which a device gives back what was typed: as it is, escaped (JSON, URL, HTML, a
programmer's quotes), in UTF-8 or Latin-1, with control characters and line ends in between, cut off
at either end of what was kept. Not found are hashes and encodings of a secret (base64, a router's
"type 7"): these are the device's own, and its configuration is full of them. Refuses to touch whole
outputs: what a device has in its configuration is what it was asked for.

What came from outside is redacted, also within longer words; what is the program's own is not: a
hint, which never quotes anybody, and the sentences in `OWN`. A word hidden in one of these would
tell a reader who knows the sentence which word the secret is, and who does not would not understand
it: "its server is <redacted>d" for the secret ``enable``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote, quote_plus

from collector.model import CommandResult, DeviceResult, Fault

REDACTED: Final = b"<redacted>"
_SHORT: Final = 4
"""Bytes: what is shorter is looked for only as it stands, since its parts are everywhere."""
_ESCAPE: Final = re.compile(r"(?<=%)[0-9A-Fa-f]{2}|(?<=\\u)[0-9A-Fa-f]{4}|(?<=\\x)[0-9A-Fa-f]{2}")
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTES: Final = str.maketrans({'"': "&quot;", "'": "&#x27;"})
_SUB_DELIMITERS: Final = "/!$&'()*+,;=:@"  # which RFC 3986 leaves as they are in a path
_BETWEEN: Final = re.compile(rb"(?:\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x1f\x7f])+")
"""What a terminal puts between two characters: escape sequences, backspaces, a wrapped line."""
OWN: Final = (
    "asks for the enable password no more",
    "closed the connection before its greeting was over",
    "closed the connection in phase",
    "is not tried any more",
    "it asks for a password, and the credential has none",
    "it closed the session on the enable password",
    "it rejected the enable password",
    "its prompt still is that of the user mode",
    "no prompt could be learned; the last line is",
    "nothing came in phase",
    "rejected the credential",
    "the connection was refused",
    "the device asks a question at login",
    "the device cannot reach its authentication server",
    "the device closed the session",
    "the device denied the command",
    "the device did not enter the privileged mode",
    "the enable secret",
    "the host key has changed",
    "the host name does not resolve",
    "the process that visited it died",
    "the worker that visited it was lost",
    "whoever visited it was lost",
)
"""Of the messages of devices that fail, what is in no way a device's: it stays as it is, but where
it is the secret, all of it, or the secret goes on behind it."""
_OWN: Final = re.compile("|".join(OWN).encode())


class Redaction:
    r"""Replaces every one of these secrets, in whatever form.

    >>> hide = Redaction(["lab", 'hun"ter2', "", None])
    >>> hide(b"enable lab\nlabel")
    b'enable <redacted>\n<redacted>el'
    >>> hide(b'{"typed": "hun\\"ter2"} ?p=hun%22ter2 hun"t\x1b[1mer2')
    b'{"typed": "<redacted>"} ?p=<redacted> <redacted>'
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        plain = {form: _plain(form)[0] for form in forms}
        self._short = tuple(form for form in forms if len(plain[form]) < _SHORT)
        self._long = tuple({form for form in plain.values() if len(form) >= _SHORT})

    def __repr__(self) -> str:
        return f"Redaction({len(self._short) + len(self._long)} forms)"

    def __call__(self, seen: bytes) -> bytes:
        """Hide whole secrets, but not in sentences of our own."""
        own = [found.span() for found in _OWN.finditer(seen)]
        spans = self._spans(seen, cut=False)
        return self._cleaned(seen, [span for span in spans if not _within(span, own)])

    def text(self, text: str) -> str:
        """Hide whole secrets in a text of our own, which may quote a device."""
        return self(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def evidence(self, seen: bytes) -> bytes:
        """Hide secrets, also what is left of one where the evidence begins or ends."""
        return self._cleaned(seen, self._spans(seen, cut=True))

    def _spans(self, seen: bytes, *, cut: bool) -> list[tuple[int, int]]:
        spans = [span for form in self._short for span in _found(form, seen)]
        plain, places = _plain(seen)
        in_plain = [span for form in self._long for span in _found(form, plain)]
        if cut:
            in_plain += (span for form in self._long for span in _cut(form, plain))
        return [*spans, *((places(start), places(end - 1) + 1) for start, end in in_plain)]

    @staticmethod
    def _cleaned(seen: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
        parts, done = [], 0
        for start, end in sorted(spans):
            if end > done:
                parts += [seen[done:start], REDACTED if start >= done else b""]
                done = end
        return b"".join([*parts, seen[done:]])


def redacted(result: DeviceResult, redact: Redaction) -> DeviceResult:
    """Take secrets out of a result's faults, notes and evidence; its good outputs stay whole.

    Hints stay as well: they are made of words of ours and names of the inventory alone.
    """
    if result.fault is None and not any(_told(command) for command in result.commands):
        return result
    return replace(
        result,
        fault=redacted_fault(result.fault, redact),
        evidence=redact.evidence(result.evidence),
        commands=tuple(redacted_command(command, redact) for command in result.commands),
    )


def redacted_fault(fault: Fault | None, redact: Redaction) -> Fault | None:
    """Take secrets out of what is said of a failure."""
    if fault is None:
        return None
    return replace(fault, message=redact.text(fault.message))


def redacted_command(command: CommandResult, redact: Redaction) -> CommandResult:
    """Take secrets out of all but a good output."""
    if not _told(command):
        return command
    return replace(
        command,
        fault=redacted_fault(command.fault, redact),
        evidence=redact.evidence(command.evidence),
        notes=tuple(redact.text(note) for note in command.notes),
    )


def _forms(secret: str) -> Iterator[bytes]:
    quoted = json.dumps(secret)[1:-1]
    texts = {
        secret,
        quoted,
        quoted.replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        secret.translate({**_ENTITIES, **_QUOTES}),
        secret.translate(_ENTITIES),
        *(
            quote(secret, safe=safe, errors="surrogateescape")
            for safe in ("", "/", _SUB_DELIMITERS)
        ),
        *(quote_plus(secret, safe=safe, errors="surrogateescape") for safe in ("", "/")),
    }
    for text in texts | {_ESCAPE.sub(lambda match: match[0].swapcase(), text) for text in texts}:
        yield text.encode(errors="surrogateescape")
        if not text.isascii():
            yield text.encode("latin-1", "replace")


def _within(span: tuple[int, int], own: Iterable[tuple[int, int]]) -> bool:
    """Tell whether a place is a part of a sentence of ours; the whole of one is none."""
    return any(start <= span[0] and span[1] <= end and span != (start, end) for start, end in own)


def _plain(seen: bytes) -> tuple[bytes, Callable[[int], int]]:
    """Give the characters alone, and the way from a place among them to one in ``seen``."""
    pieces, starts, shifts = [], [0], [0]
    done = length = 0
    for gap in _BETWEEN.finditer(seen):
        pieces.append(seen[done : gap.start()])
        length += gap.start() - done
        done = gap.end()
        starts.append(length)
        shifts.append(done - length)
    pieces.append(seen[done:])
    return b"".join(pieces), lambda place: place + shifts[bisect_right(starts, place) - 1]


def _found(form: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    place = text.find(form)
    while place >= 0:
        yield place, place + len(form)
        place = text.find(form, place + len(form))


def _cut(form: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    """Yield what a text begins and ends with of a form that was cut off there."""
    for size in range(len(form) - 1, _SHORT - 1, -1):
        if text.startswith(form[-size:]):
            yield 0, size
            break
    for size in range(len(form) - 1, _SHORT - 1, -1):
        if text.endswith(form[:size]):
            yield len(text) - size, len(text)
            break


def _told(command: CommandResult) -> bool:
    return bool(command.fault or command.evidence or command.notes)
