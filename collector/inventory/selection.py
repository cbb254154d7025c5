"""Which devices a run is for: the words of ``--limit``.

An expression is a list of terms with commas between them: a device is in when one of them fits. A
term with ``!`` before it takes out what it fits. Several expressions narrow one another: a device
must be in by each. So ``site=ams,site=lon`` with ``!r7`` is both sites without r7.

=================  =================================================================================
``r1``             the device of this name
``core-*``         names that the glob fits (``*``, ``?``, ``[ab]``), upper and lower case apart
``group:ams``      devices of a group; a glob will do
``site=ams``       devices whose tag has this value; a glob will do
``platform=x``     the same for name, host, port, credential, transport, ssh_profile, jump and group
``@file``          the terms in a file, one a line, ``#`` starts a comment
``!term``          not those
=================  =================================================================================

A term that can only be a slip (a name, key, group or value that no device has) is refused, also
after ``!``: a run must not go to a device because its name was mistyped. A glob may fit nothing.
Refuses to know where devices come from.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.document import near
from collector.errors import InputError, SelectionError
from collector.inventory.keys import NO_JUMP
from collector.model import Device, Transport

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of an ``@file``; a name for every device of a million fits."""
_HINTS: Final = 5  # near misses cost time; a file of a thousand stale names has made its point

_BUILT_IN: Final[dict[str, Callable[[Device], tuple[str, ...]]]] = {
    "name": lambda device: (device.name,),
    "host": lambda device: (device.host,),
    "port": lambda device: (str(device.port),),
    "platform": lambda device: (device.platform,),
    "credential": lambda device: (device.credential, *device.fallbacks),
    "transport": lambda device: (device.transport.value,),
    "ssh_profile": lambda device: (
        (device.ssh_profile.value,) if device.transport is Transport.SSH else ()
    ),
    "group": lambda device: device.groups,
    "jump": lambda device: tuple(jump.name for jump in device.jumps) or (NO_JUMP,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    """``key=value`` in whatever form it was written; ``text`` is that form, for messages."""

    text: str
    key: str
    value: str
    excludes: bool

    @property
    def is_glob(self) -> bool:
        return any(mark in self.value for mark in "*?[")


def select(
    devices: Sequence[Device], limits: Sequence[str], *, tagged: bool = True
) -> tuple[Device, ...]:
    """Return the devices that every expression lets in, in their order.

    ``tagged``: whether their tags are known; those of a stored run are not.

    Raises SelectionError when that is none, or a term is a slip; InputError for an expression that
    cannot be read. An ``@file`` is read here.
    """
    if not devices:
        raise SelectionError("the inventory has no devices")
    expressions = [(text, tuple(_terms(text))) for text in limits]
    fits = _Fits(devices, tagged=tagged)
    fits.refuse_slips(term for _, terms in expressions for term in terms)
    selected: Sequence[Device] = devices
    for text, terms in expressions:
        before = selected
        selected = _narrowed(selected, terms, fits)
        if not selected:
            raise SelectionError(_nothing(text, len(before) < len(devices)))
    return tuple(selected)


def _narrowed(devices: Sequence[Device], terms: Sequence[_Term], fits: _Fits) -> Sequence[Device]:
    wanted = [fits.names(term) for term in terms if not term.excludes]
    unwanted = frozenset[str]().union(*(fits.names(term) for term in terms if term.excludes))
    names = frozenset[str]().union(*wanted) if wanted else {device.name for device in devices}
    return [d for d in devices if d.name in names and d.name not in unwanted]


def _nothing(text: str, narrowed: bool) -> str:
    message = f"--limit {text!r}: no device fits"
    if not narrowed:
        return message
    return f"{message} of those that the expression before it left (for either one, write 'a,b')"


class _Fits:
    """Which devices a term fits, worked out once a term."""

    def __init__(self, devices: Sequence[Device], *, tagged: bool) -> None:
        self._devices = devices
        self._tagged = tagged
        self._by_key: dict[str, dict[str, list[str]]] = {}

    def names(self, term: _Term) -> frozenset[str]:
        """Return the names of the devices that a term fits, whether it excludes or not."""
        values = self._values(term.key)
        if not term.is_glob:
            return frozenset(values.get(term.value, ()))
        fits = re.compile(fnmatch.translate(term.value)).match
        return frozenset(name for value, names in values.items() if fits(value) for name in names)

    def refuse_slips(self, terms: Iterable[_Term]) -> None:
        """Raise SelectionError with every term that no device could ever fit."""
        slips = [term for term in terms if self._is_slip(term)]
        if slips:
            lines = (
                f"--limit {term.text!r}: {self._slip(term, hint=position < _HINTS)}"
                for position, term in enumerate(slips)
            )
            raise SelectionError(*dict.fromkeys(lines))

    def _is_slip(self, term: _Term) -> bool:
        values = self._values(term.key)
        return not values or (not term.is_glob and term.value not in values)

    def _slip(self, term: _Term, *, hint: bool) -> str:
        values = self._values(term.key)
        if term.key == "name":
            return f"no device {term.value!r}{self._instead(term.value) if hint else ''}"
        if term.key == "group":
            what, known = f"no device is in a group {term.value!r}", list(values)
        elif values:
            what, known = f"no device has {term.key}={term.value}", list(values)
        else:
            untagged = "a stored run knows no tags, and there is no other key"
            lacking = "no device has a tag" if self._tagged else untagged
            what, known = f"{lacking} {term.key!r}", self._keys()
        word = term.value if values or term.key in _BUILT_IN else term.key
        return what + (near(word, known) if hint else "")

    def _instead(self, name: str) -> str:
        """Say what was meant by a name that no device has."""
        if name != NO_JUMP and name in self._values("jump"):
            return f": it is a jump host; write 'jump={name}' for what is behind it"
        key, colon, value = name.partition(":")
        if colon:
            meant = {
                each: f"{each}{':' if each == 'group' else '='}{value}" for each in self._keys()
            }
            hit = near(key, meant)
            return next(
                (f"; did you mean {meant[each]!r}?" for each in meant if repr(each) in hit), ""
            )
        return near(name, self._values("name"))

    def _keys(self) -> list[str]:
        tags = {key for device in self._devices for key in device.tags}
        return [*_BUILT_IN, *sorted(tags)]

    def _values(self, key: str) -> dict[str, list[str]]:
        """Return the devices' names by their value of a key."""
        values = self._by_key.get(key)
        if values is None:
            values = self._by_key[key] = {}
            for device in self._devices:
                for value in _values_of(device, key):
                    values.setdefault(value, []).append(device.name)
        return values


def _values_of(device: Device, key: str) -> tuple[str, ...]:
    if key in _BUILT_IN:
        return _BUILT_IN[key](device)
    return (device.tags[key],) if key in device.tags else ()


def _terms(text: str, *, file: str = "", excludes: bool = False) -> Iterator[_Term]:
    for part in text.split(","):
        word = part.strip()
        negated = word.startswith("!")
        bare = word.removeprefix("!").strip()
        if not bare or bare.startswith("!"):
            raise InputError(f"--limit {text!r}: expected a name, key=value or group:name{file}")
        if bare.startswith("@"):
            if file:
                raise InputError(f"--limit {bare!r}: expected no file within a file{file}")
            yield from _file_terms(bare, excludes=negated)
        else:
            if negated and excludes:
                raise InputError(f"--limit {word!r}: expected no '!' in a file after '!@'{file}")
            yield _term(bare, excludes=negated or excludes)


def _term(text: str, *, excludes: bool) -> _Term:
    shown = f"!{text}" if excludes else text
    if text.startswith("group:"):
        return _Term(text=shown, key="group", value=text[6:].strip(), excludes=excludes)
    key, given, value = text.partition("=")
    if not given:
        return _Term(text=shown, key="name", value=text, excludes=excludes)
    key = key.strip()
    if key.endswith("!"):
        hint = f"write '!{key[:-1]}={value}'"
        raise InputError(f"--limit {text!r}: expected key=value with the '!' in front; {hint}")
    return _Term(text=shown, key=key, value=value.strip(), excludes=excludes)


def _file_terms(text: str, *, excludes: bool) -> list[_Term]:
    path = Path(os.path.expanduser(text[1:]))  # unlike Path.expanduser, no error for ~nobody
    try:
        lines = _text(path).splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--limit {text!r}: cannot be read: {reason}") from None
    terms: list[_Term] = []
    for number, line in enumerate(lines, start=1):
        words = re.sub(r"(^|\s)#.*", "", line).strip()
        if words:
            terms += _terms(words, file=f" ({path}:{number})", excludes=excludes)
    if not terms:  # no terms at all would let every device in
        raise InputError(f"--limit {text!r}: the file names no device")
    return terms


def _text(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may have no end
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not a UTF-8 text") from None
