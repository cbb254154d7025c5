"""``${VAR}`` and ``${VAR:-default}`` in a text, as the inventory and the settings write them.

Owns their grammar. Refuses to know what the texts are for; never shows a value or a default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from collector.errors import InputError

_PART: Final = re.compile(r"\$(?:\$|\{(?P<body>[^}]*)(?P<end>\}?))")
_BODY: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}``; ``$$`` is a dollar, any other ``$`` stays.

    As in a shell, the default also stands in for an empty variable. Raises InputError that names
    every unset variable; it never shows a value or a default.

    >>> expand("${USER_}@${HOST:-lab} costs 5$ or $${5}", {"USER_": "eve"})
    'eve@lab costs 5$ or ${5}'
    """
    problems = tuple(_problems(text, environ))
    if problems:
        raise InputError(*problems)
    return _PART.sub(lambda match: _value(match, environ) or "", text)


def is_template(text: str) -> bool:
    """Whether a text has a ``${...}`` in it.

    >>> is_template("${PASSWORD}"), is_template("pa$$word")
    (True, False)
    """
    return any(match["body"] is not None for match in _PART.finditer(text))


def malformed(text: str) -> tuple[str, ...]:
    """Return what is wrong with the ``${...}`` of a text, whatever the environment."""
    return tuple(filter(None, map(_malformed, _PART.finditer(text))))


def _problems(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for match in _PART.finditer(text):
        if message := _malformed(match):
            yield message
        elif match["body"] is not None and _value(match, environ) is None:
            yield f"the environment variable {match['body']} is not set"


def _malformed(match: re.Match[str]) -> str:
    if match["body"] is None:
        return ""
    if not match["end"]:
        return "expected a '}' after '${'; write a plain '${' as '$${'"
    if "${" in match["body"]:
        return "expected no '${' within '${...}'"
    if _BODY.fullmatch(match["body"]) is None:
        return "expected ${NAME} or ${NAME:-default}, NAME of letters, digits and _"
    return ""


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str | None:
    """Return what a well-formed part stands for, None where nothing says it."""
    if match["body"] is None:
        return "$"
    name, given, default = match["body"].partition(":-")
    return (environ.get(name) or default) if given else environ.get(name)
