"""Who wins: a flag over the environment over the file.

Owns the names of the variables, and by what each value was given. Refuses to judge a value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from collector.document import Loc, near, typed
from collector.settings.keys import kind_of, leaves

PREFIX: Final = "COLLECTOR_"
CONFIG: Final = "COLLECTOR_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A value from elsewhere than the file, and what to call it in a problem: ``--workers``."""

    value: object
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One value from outside the file."""

    loc: Loc
    value: object
    label: str


def _variables() -> dict[str, Loc]:
    return {PREFIX + "_".join(map(str, loc)).upper(): loc for loc in leaves()}


def environment_layers(environ: Mapping[str, str]) -> Iterator[Layer]:
    for name, loc in _variables().items():
        if text := environ.get(name):
            yield Layer(loc=loc, value=_read(text, loc), label=f"environment: {name}")


def slips(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each variable that is nearly one of ours; others may be somebody else's."""
    known = [name.removeprefix(PREFIX) for name in (*_variables(), CONFIG)]  # the prefix is alike
    for name in environ:
        word = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or word in known:
            continue
        if hint := near(word, known, at_least=0.8):
            full = hint.replace("'", f"'{PREFIX}", 1)
            yield f"environment: unknown variable {name}{full}"


def flag_layers(overrides: Mapping[str, object]) -> Iterator[Layer]:
    for dotted, given in overrides.items():
        override = given if isinstance(given, Override) else Override(value=given, label=dotted)
        if override.value is not None:
            loc = tuple(dotted.split("."))
            yield Layer(loc=loc, value=_read(override.value, loc), label=override.label)


def _read(value: object, loc: Loc) -> object:
    """Type a text as the file would be; a path becomes a text, as it is in the file."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    read = typed(value) if isinstance(value, str) else value
    if isinstance(read, (int, float)) and kind_of(loc) in {"integer", "number", "boolean"}:
        return read
    return value


def merged(
    data: Mapping[str, Any], layers: Sequence[Layer]
) -> tuple[dict[str, Any], dict[Loc, str]]:
    """Return the file's data with the layers over it, and the label of each value that won."""
    merged: dict[str, Any] = deepcopy(dict(data))
    origins: dict[Loc, str] = {}
    for layer in layers:
        *sections, key = map(str, layer.loc)
        holder: Any = merged
        for section in sections:
            if holder.get(section) is None:
                holder[section] = {}
            holder = holder[section]
            if not isinstance(holder, dict):
                break  # what is wrong with the file will be said
        else:
            holder[key] = layer.value
            origins[layer.loc] = layer.label
    return merged, origins


def origin_of(loc: Loc, origins: Mapping[Loc, str]) -> str:
    """Say what a value that is not the file's was given by; also one in a list of them."""
    return origins.get(loc, "") or origins.get(loc[:1], "")
