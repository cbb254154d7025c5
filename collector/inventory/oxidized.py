"""Oxidized's configuration and its list of nodes, read as Oxidized reads them.

Owns who wins among row, group, model and the whole, and where a node's history is; the list itself
is read in `oxidized_list`. Refuses to know what becomes of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collector.document import parse_document
from collector.errors import InputError
from collector.inventory.foreign import Foreign, ForeignDevice, Login
from collector.inventory.oxidized_list import KINDS, Row, read_text
from collector.model import Transport

_REGEXP: Final = re.compile(r"!ruby/regexp\s+/(.*)/[a-z]*\s*$", re.MULTILINE)
_TAG: Final = re.compile(r"!ruby/\S+")
_HIGHEST_PORT: Final = 65535


def read_oxidized(place: Path) -> Foreign:
    """Read Oxidized's folder, or the configuration in it; InputError with one line when it is none.

    Only sources that are files can be read: ``csv``, ``jsonfile``, and ``sql`` of SQLite.
    """
    path = place / "config" if place.is_dir() else place
    config = _Config(data=_parsed(path), folder=path.parent)
    devices, remarks = [], []
    for row in config.rows():
        try:
            devices.append(config.device(row))
        except (IndexError, ValueError):
            remarks.append(f"{row.place}: not read: expected name and model")
    return Foreign(collector="oxidized", devices=tuple(devices), remarks=tuple(remarks))


def _parsed(path: Path) -> Mapping[str, Any]:
    text = read_text(path)
    plain = _TAG.sub("", _REGEXP.sub(lambda match: json.dumps(match[1]), text))
    return parse_document(plain, str(path)).data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    data: Mapping[str, Any]
    folder: Path

    def rows(self) -> Sequence[Row]:
        source = _part(self.data, "source")
        kind = str(source.get("default", "csv"))
        if kind not in KINDS:
            raise InputError(
                f"{self.folder}: source {kind}: expected {', '.join(KINDS)}: others are no files"
            )
        own = _part(source, kind)
        if own.get("gpg") is True:
            raise InputError(f"{self.folder}: source.{kind}.gpg: expected a list in clear")
        return list(KINDS[kind](own, self._place))

    def device(self, given: Row) -> ForeignDevice:
        row, variables = given.keys, given.variables
        name = row["name"] if row.get("name") else ""
        if not name:
            raise ValueError("no name")
        model = row.get("model") or str(self.data.get("model", ""))
        model = str(_part(self.data, "model_map").get(model, model)).lower()
        group = row.get("group", "")
        group = str(_part(self.data, "group_map").get(group, group))
        levels = [row, *self._levels(group, model)]
        known = [variables, *(_part(level, "vars") for level in levels[1:])]
        telnet = str(_first(levels, "input") or _inputs(self.data)).startswith("telnet")
        port = str(_first(known, "telnet_port" if telnet else "ssh_port"))
        repository, file = self._history(name, group)
        return ForeignDevice(
            name=name,
            host=row.get("ip") or name,
            model=model,
            group=group,
            port=int(port) if port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT else 0,
            transport=Transport.TELNET if telnet else Transport.SSH,
            login=Login(
                username=str(_first(levels, "username")),
                password=str(_first(levels, "password")),
                enable=str(_first(known, "enable")),
            ),
            repository=repository,
            file=file,
        )

    def _levels(self, group: str, model: str) -> list[Mapping[str, Any]]:
        here = _part(self.data, "groups", group)
        return [_part(here, "models", model), here, _part(self.data, "models", model), self.data]

    def _history(self, name: str, group: str) -> tuple[Path, str]:
        output = _part(self.data, "output")
        if output.get("default", "file") != "git":
            folder = str(_part(output, "file").get("directory", "configs"))
            return self._place(folder), f"{group}/{name}" if group else name
        repo = _part(output, "git").get("repo", "oxidized.git")
        if isinstance(repo, dict):
            repo = repo.get(group) or repo.get("default", "oxidized.git")
            return self._place(str(repo)), name
        place = self._place(str(repo))
        if group and _part(output, "git").get("single_repo"):
            return place, f"{group}/{name}"
        return (place.with_name(f"{group}.git") if group else place), name

    def _place(self, given: str) -> Path:
        """Find a file that the configuration names, also where it was taken from another host."""
        path = self.folder / os.path.expanduser(given)
        return path if path.exists() else self.folder / path.name


def _inputs(data: Mapping[str, Any]) -> str:
    return str(_part(data, "input").get("default", "ssh"))


def _part(data: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _first(levels: Sequence[Mapping[str, Any]], key: str) -> object:
    """Give the first value there is; true and false say something else than a text."""
    for level in levels:
        value = level.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return value
    return ""
