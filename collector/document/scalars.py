"""What an unquoted YAML scalar means here: the core schema of YAML 1.2, and no surprises.

YAML 1.1, which most readers in Python still follow, takes more words for something else than text:
``no`` is false, ``022`` is eighteen, ``1:30`` is ninety. Such a word is a `Surprise`, to be
refused, because the writer and the reader may not mean the same. Refuses to know files and places.

The core schema: https://yaml.org/spec/1.2.2/#103-core-schema; the 1.1 types: https://yaml.org/type/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Scalar = str | int | float | bool | None

# An integer of more digits than Python converts by default would raise; it is taken for a float.
_PLAIN = re.compile(
    r"""
      (?P<null>   null | Null | NULL | ~ | )
    | (?P<true>   true | True | TRUE )
    | (?P<false>  false | False | FALSE )
    | (?P<int>    [-+]? (?: 0 | [1-9][0-9]{0,99} ) )
    | (?P<hex>    0x [0-9a-fA-F]{1,99} )
    | (?P<yes>    yes | Yes | YES | on | On | ON )
    | (?P<no>     no | No | NO | off | Off | OFF )
    | (?P<octal>  [-+]? 0o? [0-9_]+ )
    | (?P<base2>  [-+]? 0b [01_]+ | [-+] 0x [0-9a-fA-F_]+ | 0x [0-9a-fA-F_]* _ [0-9a-fA-F_]* )
    | (?P<base60> [-+]? [1-9] [0-9_]* (?: : [0-5]?[0-9] )+ (?: \. [0-9_]* )? )
    | (?P<split>  [-+]? [0-9] [0-9_]* _ [0-9_]* (?: \. [0-9_]* )? )
    | (?P<float>  [-+]? (?: \. [0-9]+ | [0-9]+ (?: \. [0-9]* )? ) (?: [eE] [-+]? [0-9]+ )? )
    | (?P<inf>    [-+]? \. (?: inf | Inf | INF ) )
    | (?P<nan>    \. (?: nan | NaN | NAN ) )
    """,
    re.VERBOSE,
)
_FIRST = frozenset("~nNtTfFyYoO+-.0123456789")


@dataclass(frozen=True, slots=True)
class Surprise:
    """An unquoted word that YAML 1.1 and YAML 1.2 read differently.

    ``meaning`` is what YAML 1.1 reads; ``instead`` how to write that, empty where nobody means it.
    """

    meaning: str
    instead: str = ""


def typed(text: str) -> Scalar | Surprise:
    """Return what an unquoted scalar stands for.

    >>> typed("22"), typed("1.5"), typed("~"), typed("true"), typed("10.0.0.1")
    (22, 1.5, None, True, '10.0.0.1')
    >>> typed("022")
    Surprise(meaning='an octal number', instead='22')
    """
    if text and text[0] not in _FIRST:
        return text
    match = _PLAIN.fullmatch(text)
    if match is None:
        return text
    kind = match.lastgroup or ""
    return _SURPRISES[kind](text) if kind in _SURPRISES else _value(kind, text)


def _value(kind: str, text: str) -> Scalar:
    match kind:
        case "int":
            return int(text)
        case "hex":
            return int(text, 16)
        case "float":
            return float(text)
        case "inf" | "nan":
            return float(text.replace(".", ""))
        case _:
            return {"true": True, "false": False}.get(kind)


def _octal(text: str) -> Surprise:
    digits = text.lstrip("+-").removeprefix("0o").replace("_", "").lstrip("0") or "0"
    sign = "-" if text.startswith("-") else ""
    return Surprise("an octal number", sign + digits)


_SURPRISES: Final[dict[str, Callable[[str], Surprise]]] = {
    "yes": lambda _: Surprise("true", "true"),
    "no": lambda _: Surprise("false", "false"),
    "octal": _octal,
    "base2": lambda _: Surprise("a number"),
    "base60": lambda _: Surprise("a number to the base 60"),
    "split": lambda text: Surprise("a number", text.replace("_", "")),
}
