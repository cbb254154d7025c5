"""How a problem is said: what was expected, what was found, and the near miss.

Turns validation errors into complaints with the help of a JSON Schema, so that the words follow
from the constraints themselves. The errors are plain mappings in the shape that pydantic gives them
(type, loc, input, ctx), but any validator could fill it. Refuses to know files, and never shows a
value that may be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from collector.document.places import Loc, dotted

_SECRETS: Final = frozenset(
    {"credentials", "password", "enable", "passphrase", "secret", "token", "remote"}
    | {"webhook", "headers"}
)
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is wrong at ``loc``; ``at_key`` when the key is to blame, not its value.

    Its text names the mapping that a key to blame is in: the message names the key.
    """

    loc: Loc
    message: str
    at_key: bool = False

    def __str__(self) -> str:
        path = dotted(self.loc[:-1] if self.at_key else self.loc)
        return f"{path}: {self.message}" if path else self.message


def found(value: object, loc: Loc = ()) -> str:
    """Say what a value is, short and on one line; at a secret's ``loc`` only of what kind.

    >>> found("many"), found(22), found(None), found({"a": 1}), found(True)
    ("'many'", '22', 'nothing', 'a mapping', 'true')
    >>> found("hunter2", ("credentials", "lab", "password"))
    'text'
    """
    match value:
        case None:
            return "nothing"
        case Mapping():
            return "a mapping" if value else "an empty mapping"
        case list() | tuple():
            return "a list" if value else "an empty list"
    if is_secret(loc):
        return "text" if isinstance(value, str) else "a number or true or false"
    if isinstance(value, bool):
        return str(value).lower()
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."


def is_secret(loc: Loc) -> bool:
    """Whether what stands at ``loc`` must not be shown."""
    return not _SECRETS.isdisjoint(part for part in loc if isinstance(part, str))


def near(word: str, known: Iterable[str], *, at_least: float = 0.6) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, or nothing.

    >>> near("limts", ["limits", "jobs"])
    "; did you mean 'limits'?"
    >>> near("colour", ["limits", "jobs"])
    ''
    """
    folded = {other.casefold(): other for other in known}
    matches = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=at_least)
    return f"; did you mean {folded[matches[0]]!r}?" if matches else ""


def complaints(
    errors: Iterable[Mapping[str, Any]], schema: Mapping[str, Any]
) -> Iterator[Complaint]:
    """Yield a complaint for every validation error.

    A part of an error's ``loc`` in angle brackets names a branch of a union, not a key. An error of
    type ``value_error`` says itself what was expected (``expected ...``).
    """
    for error in errors:
        loc = tuple(part for part in error["loc"] if not str(part).startswith("<"))
        yield _complaint(error, loc, schema)


def _complaint(error: Mapping[str, Any], loc: Loc, schema: Mapping[str, Any]) -> Complaint:
    value = error.get("input")
    match error["type"]:
        case "extra_forbidden":
            here = _at(schema, loc[:-1])
            known = [key for part in _branches(here, schema) for key in part.get("properties", {})]
            message = f"unknown key {loc[-1]!r}{near(str(loc[-1]), known)}"
            return Complaint(loc=loc, message=message, at_key=True)
        case "missing":
            return Complaint(loc=loc[:-1], message=f"expected a key {loc[-1]!r} here")
        case "value_error":
            expected = str(error["ctx"]["error"])
            return Complaint(loc=loc, message=f"{expected}, found {found(value, loc)}")
    here = _at(schema, loc)
    message = f"expected {wanted(here, schema)}, found {found(value, loc)}"
    if isinstance(value, str) and "enum" in here and not is_secret(loc):
        message += near(value, map(str, here["enum"]))
    return Complaint(loc=loc, message=message)


def wanted(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> str:
    """Say what a JSON Schema admits.

    >>> wanted({"type": "integer", "minimum": 1})
    'an integer of 1 or more'
    >>> wanted({"enum": ["ssh", "telnet"]})
    'ssh or telnet'
    """
    schema = _resolved(schema, root or schema)
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return _either(map(str, schema["enum"]))
    if branches := schema.get("oneOf") or schema.get("anyOf"):
        return _either(wanted(branch, root or schema) for branch in branches)
    least = " with at least one entry" if schema.get("minItems") else ""
    return _KINDS.get(schema.get("type", ""), "something else") + least + _range(schema)


_KINDS: Final = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "boolean": "true or false",
    "null": "nothing",
}


def _range(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if high < 10**6 else f" of {low:g} or more"
    parts = []
    if low is not None:
        parts.append(f" of {low:g} or more")
    if above is not None:
        parts.append(f" above {above:g}")
    if high is not None:
        parts.append(f" up to {high:g}")
    return " and".join(parts)


def _either(words: Iterable[str]) -> str:
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while reference := schema.get("$ref"):
        schema = root["$defs"][str(reference).rpartition("/")[2]]
    return schema


def _at(root: Mapping[str, Any], loc: Loc) -> Mapping[str, Any]:
    """Return the part of a schema that speaks of ``loc``, empty where it says nothing."""
    here = _resolved(root, root)
    for part in loc:
        steps = (_step(branch, part) for branch in _branches(here, root))
        here = next((_resolved(step, root) for step in steps if step is not None), {})
    return here


def _branches(here: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for branch in (here, *here.get("oneOf", ()), *here.get("anyOf", ())):
        yield _resolved(branch, root)


def _step(schema: Mapping[str, Any], part: str | int) -> Mapping[str, Any] | None:
    if isinstance(part, int):
        below = schema.get("items")
    else:
        below = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return below if isinstance(below, Mapping) else None
