"""Which platforms there are: a YAML file each beside this module, and the user's own.

Owns finding, reading and joining them. A file is read when its platform is first asked for; the
user's entries are checked at once. Refuses to know what a platform is good for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from collector.document import Complaint, Document, complaints, load_document, near
from collector.errors import InputError
from collector.platforms.entry import SHIPPED, Entry, compile_entry, merge
from collector.platforms.model import Platform

GENERIC: Final = "generic"

_DATA: Final = Path(__file__).parent / "data"
_KEY: Final = "platforms"  # where config.yaml holds the user's own


def load_platforms(
    user: Mapping[str, Mapping[str, Any]] | None = None, *, document: Document | None = None
) -> Mapping[str, Platform]:
    """Return every platform by name: the built-in ones and the ``platforms`` of config.yaml.

    A user's entry named like a built-in one changes it; any other extends what it names, else
    ``generic``. Raises `InputError` with every problem of the user's entries, with their places
    where ``document`` is the file that they are from.
    """
    files = {path.stem: path for path in _DATA.glob("*.yaml")}
    own, wrong = _checked(user or {})
    wrong += _wrong_bases(own, files.keys() | own.keys())
    if wrong:
        raise InputError(*(document.problems(wrong) if document else map(str, wrong)))
    return _Catalogue(files, own)


@cache
def platform_schema() -> dict[str, Any]:
    """Return the JSON Schema of one entry of ``platforms`` in config.yaml."""
    return Entry.model_json_schema()


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
    return Entry.model_validate(load_document(path).data, context=SHIPPED)


def _checked(
    user: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Entry], list[Complaint]]:
    """Return the entries that are right, and what is wrong with the others."""
    entries: dict[str, Entry] = {}
    wrong: list[Complaint] = []
    for name, raw in user.items():
        try:
            entries[name] = Entry.model_validate(_thawed(raw))
        except ValidationError as error:
            for each in complaints(error.errors(include_url=False), platform_schema()):
                loc = (_KEY, name, *each.loc)
                wrong.append(Complaint(loc=loc, message=each.message, at_key=each.at_key))
    return entries, wrong


def _thawed(value: Any) -> Any:
    """Return plain dicts and lists: the settings may hold read-only ones."""
    if isinstance(value, Mapping):
        return {key: _thawed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_thawed(each) for each in value]
    return value


def _wrong_bases(own: Mapping[str, Entry], known: set[str]) -> Iterator[Complaint]:
    for name, entry in own.items():
        loc = (_KEY, name, "extends")
        if entry.extends and entry.extends not in known:
            hint = near(entry.extends, known)
            message = f"expected a known platform, found {entry.extends!r}{hint}"
            yield Complaint(loc=loc, message=message)
        elif name in _followed(name, own):
            yield Complaint(loc=loc, message="expected a platform that does not extend this one")


def _followed(name: str, own: Mapping[str, Entry]) -> list[str]:
    """Return the user's platforms that ``name`` extends, one after the other, until one recurs."""
    seen: list[str] = []
    base = own[name].extends
    while base and base in own and base not in seen:
        seen.append(base)
        base = own[base].extends
    return seen
