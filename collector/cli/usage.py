"""What the command line's parser has to say about words that it cannot take, in our own words.

Owns the translation, so that a mistyped flag reads like a mistyped key. Refuses to know the
commands, and the validator below the parser: of its errors only the plain form is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_WANTED: Final = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "{ge} or more",
}


def usage_problem(error: Any) -> str:
    """Say in one sentence what is wrong with a word; ``error`` is the parser's own.

    What it says of a kind not known here comes as it is.
    """
    said = str(error.format_message())
    if known := getattr(error, "possibilities", None):
        return f"no such option: {error.option_name}{near(error.option_name, known)}"
    if hit := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", said):
        return f"unexpected {hit[1]!r}{_instead(error, hit[1].split())}"
    if hit := re.fullmatch(r"(.*)\. Did you mean ('[^']*').*\?", said):
        return f"{_lowered(hit[1])}; did you mean {hit[2]}?"
    if value := _value_problem(error):
        return value
    return _lowered(said.removesuffix("."))


def near(word: str, known: Iterable[str]) -> str:
    """Suggest a word that may have been meant."""
    from collector.document import near as suggestion

    return suggestion(word, known)


def _instead(error: Any, words: list[str]) -> str:
    """Say where names of devices go, in a command that selects some."""
    options = [option for param in getattr(error.cmd, "params", ()) for option in param.opts]
    return f": devices are selected by --limit {','.join(words)}" if "--limit" in options else ""


def _value_problem(error: Any) -> str:
    errors = getattr(error.__cause__, "errors", None)
    option = next(iter(getattr(getattr(error, "param", None), "opts", ())), "")
    if errors is None or not option:
        return ""
    wanted = _expected(errors()[0])
    return f"{option}: {wanted}" if wanted else ""


def _expected(flaw: Mapping[str, Any]) -> str:
    """Say what was expected, and what was found instead.

    >>> _expected({"type": "greater_than_equal", "ctx": {"ge": 1}, "input": "0"})
    "expected 1 or more, found '0'"
    >>> _expected({"msg": "'jsn' is not one of 'json', 'text'.", "input": "jsn"})
    "expected json or text, found 'jsn'; did you mean 'json'?"
    """
    given = str(flaw.get("input"))
    _, one_of, choices = str(flaw.get("msg")).partition(" is not one of ")
    if one_of:
        *first, last = known = re.findall(r"'([^']*)'", choices)
        either = f"{', '.join(first)} or {last}" if first else last
        return f"expected {either}, found {given!r}{near(given, known)}"
    kind = _WANTED.get(str(flaw.get("type")))
    return f"expected {kind.format(**flaw.get('ctx', {}))}, found {given!r}" if kind else ""


def _lowered(sentence: str) -> str:
    """Begin in small, as all our lines do behind the program's name.

    >>> _lowered("Missing command"), _lowered("'x' is none")
    ('missing command', "'x' is none")
    """
    return sentence[:1].lower() + sentence[1:]
