"""Oxidized's list of nodes: a line, an object or a row each, and the maps that say what is what.

Owns the sources that are files: ``csv``, ``jsonfile``, ``sql`` of SQLite. A database is opened for
reading alone. Refuses to know what a node becomes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from collector.errors import InputError

_CSV_MAP: Final = {"name": 0, "model": 1}
_NAMED_MAP: Final = {"name": "name", "model": "model"}
_STEP: Final = re.compile(r"""([^.\[\]"']+)|\[(\d+)\]|\[["']([^"']*)["']\]|\.""")
_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")

_Find = Callable[[str], Path]  # a file that the configuration names, wherever it is by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node: what ``map`` and ``vars_map`` name of it, and its place in the list."""

    place: str
    keys: Mapping[str, str]
    variables: Mapping[str, str]


def read_text(path: Path) -> str:
    """Read a file of Oxidized's; InputError with one line where it cannot be."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected UTF-8") from None


def _csv(source: Mapping[str, Any], find: _Find) -> Iterator[Row]:
    path = find(str(source.get("file", "router.db")))
    try:
        delimiter = re.compile(str(source.get("delimiter", ":")))
    except re.error as error:
        raise InputError(f"{path}: source.csv.delimiter: {error}") from None
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            cells = dict(enumerate(delimiter.split(line.strip())))
            yield _row(f"{path}:{number}", source, _CSV_MAP, cells.get)


def _jsonfile(source: Mapping[str, Any], find: _Find) -> Iterator[Row]:
    path = find(str(source.get("file", "router.json")))
    try:
        nodes = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON: {error}") from None
    if source.get("hosts_location"):
        nodes = _reached(nodes, source["hosts_location"])
    if not isinstance(nodes, list):
        raise InputError(f"{path}: expected a list of nodes (source.jsonfile.hosts_location)")
    for number, node in enumerate(nodes, start=1):
        if node:
            yield _row(f"{path}: node {number}", source, _NAMED_MAP, _reaching(node))


def _sql(source: Mapping[str, Any], find: _Find) -> Iterator[Row]:
    adapter = str(source.get("adapter", "sqlite"))
    if adapter not in {"sqlite", "sqlite3"}:
        raise InputError(f"source.sql.adapter {adapter}: expected sqlite: others are no files")
    path, table = find(str(source.get("database", "sqlite.db"))), str(source.get("table", ""))
    if not (source.get("query") or _TABLE.fullmatch(table)):
        raise InputError(f"{path}: source.sql.table: expected the name of a table")
    query = str(source.get("query") or f"SELECT * FROM {table}")
    read_only = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(read_only, uri=True)) as database:
            database.row_factory = sqlite3.Row
            nodes = [{**node} for node in database.execute(query)]
    except sqlite3.Error as error:
        raise InputError(f"{path}: {error}") from None
    for number, node in enumerate(nodes, start=1):
        yield _row(f"{path}: row {number}", source, _NAMED_MAP, node.get)


def _row(
    place: str,
    source: Mapping[str, Any],
    usual: Mapping[str, Any],
    get: Callable[[Any], object],
) -> Row:
    names, variables = source.get("map") or usual, source.get("vars_map") or {}
    return Row(place=place, keys=_named(names, get), variables=_named(variables, get))


def _named(names: object, get: Callable[[Any], object]) -> dict[str, str]:
    """Give the values that a map names; empty ones, and ``nil``, are none."""
    if not isinstance(names, Mapping):
        return {}
    found = {str(key): get(name) for key, name in names.items() if isinstance(name, int | str)}
    texts = {key: str(value).strip() for key, value in found.items() if _is_text(value)}
    return {key: text for key, text in texts.items() if text not in {"", "nil"}}


def _is_text(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _reaching(node: object) -> Callable[[object], object]:
    return lambda way: _reached(node, way)


def _reached(node: object, way: object) -> object:
    """Go to what a way such as ``site.devices[0].name`` leads to; None where it leads nowhere.

    >>> _reached({"a": [{"b": 1}]}, "a[0].b"), _reached({"a": 1}, "b.c")
    (1, None)
    """
    for step in _STEP.finditer(str(way)):
        name, number, quoted = step.groups()
        if step[0] == ".":
            continue
        if number is not None and isinstance(node, list):
            node = node[int(number)] if int(number) < len(node) else None
        elif isinstance(node, Mapping):
            node = node.get(name if name is not None else quoted)
        else:
            return None
    return node


KINDS: Final[Mapping[str, Callable[[Mapping[str, Any], _Find], Iterator[Row]]]] = {
    "csv": _csv,
    "jsonfile": _jsonfile,
    "sql": _sql,
}
