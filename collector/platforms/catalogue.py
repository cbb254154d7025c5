"""Which platforms there are: a YAML file each beside this module, and the user's own.

Owns finding, reading and joining them. A file is read when its platform is first asked for; the
user's entries are checked at once. Refuses to know what a platform is good for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from collector.errors import InputError
from collector.platforms.entry import Entry, compile_entry, merge
from collector.platforms.model import Platform

GENERIC: Final = "generic"

_DATA: Final = Path(__file__).parent / "data"

Loc = tuple[str | int, ...]
Where = Callable[[Loc], str]


def load_platforms(
    user: Mapping[str, Mapping[str, Any]] | None = None, *, where: Where | None = None
) -> Mapping[str, Platform]:
    """Return every platform by name: the built-in ones and the ``platforms`` of config.yaml.

    A user's entry named like a built-in one changes it; any other extends what it names, else
    ``generic``. ``where`` tells the place of a key, such as ``config.yaml:12:5``, for the
    problems; it is given the path of the key from the top of the document. Raises `InputError`
    with every problem of the user's entries.
    """
    files = {path.stem: path for path in _DATA.glob("*.yaml")}
    own, problems = _check_all(user or {}, where)
    problems += _check_bases(own, files.keys() | own.keys(), where)
    if problems:
        raise InputError(*problems)
    return _Catalogue(files, own)


class _Catalogue(Mapping[str, Platform]):
    """The platforms by name, each made when it is first asked for."""

    def __init__(self, files: Mapping[str, Path], own: Mapping[str, Entry]) -> None:
        self._files = files
        self._own = own
        self._made: dict[str, Platform] = {}

    def __getitem__(self, name: str) -> Platform:
        if name not in self._made:
            if name not in self:
                raise KeyError(name)
            self._made[name] = compile_entry(*self._joined(name))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files or name in self._own

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files.keys() | self._own.keys()))

    def __len__(self) -> int:
        return len(self._files.keys() | self._own.keys())

    def _joined(self, name: str) -> tuple[Entry, tuple[str, ...]]:
        """Return what is said of a platform and of all that it extends, and their names."""
        if name in self._own and name in self._files and not self._own[name].extends:
            entry, lineage = self._built_in(name)
            return merge(self._own[name], entry), lineage
        if name in self._own:
            return self._extended(name, self._own[name])
        return self._built_in(name)

    def _built_in(self, name: str) -> tuple[Entry, tuple[str, ...]]:
        return self._extended(name, _read(self._files[name]))

    def _extended(self, name: str, own: Entry) -> tuple[Entry, tuple[str, ...]]:
        if name == GENERIC:
            return own, (name,)
        base, names = self._joined(own.extends or GENERIC)
        return merge(own, base), (name, *(each for each in names if each != GENERIC))


def _read(path: Path) -> Entry:
    return Entry.model_validate(yaml.load(path.read_bytes(), yaml.CSafeLoader))


def _check_all(
    user: Mapping[str, Mapping[str, Any]], where: Where | None
) -> tuple[dict[str, Entry], list[str]]:
    entries: dict[str, Entry] = {}
    problems: list[str] = []
    for name, raw in user.items():
        try:
            entries[name] = Entry.model_validate(_thawed(raw))
        except ValidationError as error:
            problems += [_problem(name, each, where) for each in error.errors()]
    return entries, problems


def _thawed(value: Any) -> Any:
    """Return plain dicts and lists: the settings may hold read-only ones."""
    if isinstance(value, Mapping):
        return {key: _thawed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(each) for each in value]
    return value


def _check_bases(own: Mapping[str, Entry], known: set[str], where: Where | None) -> list[str]:
    problems = []
    for name, entry in own.items():
        loc = ("platforms", name, "extends")
        if entry.extends and entry.extends not in known:
            expected = f"expected a known platform, found {entry.extends!r}"
            problems.append(_say(loc, expected + _near(entry.extends, known), where))
        elif name in _followed(name, own):
            problems.append(_say(loc, "expected a platform that does not extend this one", where))
    return problems


def _followed(name: str, own: Mapping[str, Entry]) -> list[str]:
    """Return the user's platforms that ``name`` extends, one after the other, until one recurs."""
    seen: list[str] = []
    base = own[name].extends
    while base and base in own and base not in seen:
        seen.append(base)
        base = own[base].extends
    return seen


def _problem(name: str, error: Any, where: Where | None) -> str:
    loc = ("platforms", name, *error["loc"])
    match error["type"]:
        case "extra_forbidden":
            text = f"unknown key {loc[-1]!r}" + _near(str(loc[-1]), Entry.model_fields)
        case "value_error":
            text = str(error["ctx"]["error"])
        case "model_type":
            text = f"expected a mapping, found {error['input']!r}"
        case _:
            text = f"expected {_expected(error)}, found {error['input']!r}"
    return _say(loc, text, where)


def _expected(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Input should be ").removeprefix("a valid ")
    return {"list": "a list", "dictionary": "a mapping", "string": "text"}.get(message, message)


def _near(word: str, known: Any) -> str:
    near = get_close_matches(word, [*known], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _say(loc: Loc, text: str, where: Where | None) -> str:
    key = ".".join(str(part) for part in loc)
    return f"{where(loc)}: {key}: {text}" if where else f"{key}: {text}"
