"""The plan of docs/architecture.md, held against every import statement of the collector.

Imports inside functions and under ``TYPE_CHECKING`` count like all others: a room that only names a
type of another one knows it all the same.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "collector"
SOURCE = Path(__file__).parent.parent / PACKAGE

# A room, and what it may import of ours besides itself. The names are the first part below the
# package; `__init__` is the public API.
GROUND = frozenset({"document", "log", "errors", "model"})
EDGE = GROUND | {"platforms", "settings", "credentials"}
ROOMS = EDGE | {"driver", "store", "inventory"}
ALLOWED: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "errors": frozenset({"model"}),
    "log": frozenset({"errors", "model"}),
    "document": frozenset({"errors", "model"}),
    "platforms": GROUND,
    "settings": GROUND,
    "credentials": GROUND,
    "driver": EDGE,
    "engine": GROUND,
    "store": GROUND,
    "inventory": GROUND | {"credentials"},
    "backups": GROUND | {"platforms", "settings", "store"},
    "views": frozenset({"log", "model"}),
    "telling": frozenset({"errors", "log", "model", "store"}),
    "lab": GROUND,
    "redaction": frozenset({"model"}),
    "crew": EDGE | {"driver", "engine", "redaction"},
    "collect": ROOMS | {"engine", "backups", "telling", "crew", "redaction"},
    "__init__": (ROOMS - {"driver"}) | {"engine", "collect", "backups"},
    "cli": ROOMS | {"views", "lab", "collect", "backups"},
    "__main__": frozenset({"cli"}),
}

# A third-party library, and the rooms that may know it.
OWNERS: dict[str, frozenset[str]] = {
    "scrapli": frozenset({"driver"}),
    "asyncssh": frozenset({"driver", "lab"}),
    "aiofiles": frozenset({"store"}),
    "yaml": frozenset({"document"}),
    "tqdm": frozenset({"cli"}),
    "typer": frozenset({"cli"}),
    "uvloop": frozenset({"collect"}),
    "keyring": frozenset({"credentials"}),
    "distributed": frozenset({"crew"}),
    "pydantic": frozenset({"document", "settings", "inventory", "platforms"}),
}


def modules() -> Iterator[tuple[str, str]]:
    """Yield every module's dotted name below the package, and its text."""
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts), path.read_text(encoding="utf-8")


def imports(text: str) -> Iterator[str]:
    """Yield the absolute dotted name of all that a module imports, names of a ``from`` included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            # importlib.import_module("..."), __import__("..."): the same edge in other words
            values = (a.value for a in node.args if isinstance(a, ast.Constant))
            yield from (value for value in values if isinstance(value, str) and value)


def room_of(dotted: str) -> str:
    """Return the room of an imported name of ours; the names of the package itself are its API."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "__init__"


def violations(module: str, text: str) -> Iterator[str]:
    """Yield a line for every import that the plan does not allow."""
    room = module.split(".", maxsplit=1)[0]
    if room not in ALLOWED:
        yield f"{module}: not in the plan of the house"
        return
    for name in imports(text):
        top = name.split(".")[0]
        if name.startswith("."):
            yield f"{module}: relative import {name}"
        elif top == PACKAGE:
            target = room_of(name)
            if target != room and target not in ALLOWED[room]:
                yield f"{module}: {room} may not import {target} ({name})"
        elif top not in sys.stdlib_module_names and room not in OWNERS.get(top, frozenset()):
            yield f"{module}: {room} is not an owner of {top} ({name})"


def cycles(edges: dict[str, frozenset[str]]) -> list[str]:
    """Return what is left without all that imports nothing, or is imported by nothing."""
    left = dict(edges)
    while left:
        wanted = frozenset[str]().union(*left.values())
        kept = {r: to & left.keys() for r, to in left.items() if to & left.keys() and r in wanted}
        if kept == left:
            break
        left = kept
    return sorted(left)


def test_every_import_follows_the_plan() -> None:
    found = list(modules())
    assert len(found) > len(GROUND)
    assert not "\n".join(line for module, text in found for line in violations(module, text))


def test_every_owner_uses_its_library() -> None:
    used = {
        (name.split(".")[0], module.split(".", maxsplit=1)[0])
        for module, text in modules()
        for name in imports(text)
    }
    unused = {(library, room) for library, rooms in OWNERS.items() for room in rooms} - used
    assert not unused


def test_the_plan_has_no_cycle() -> None:
    assert cycles(ALLOWED) == []
    ring = {"a": frozenset({"b"}), "b": frozenset({"a", "d"})}
    assert cycles({**ring, "c": frozenset({"a"}), "d": frozenset()}) == ["a", "b"]


def test_modules_of_a_room_have_no_cycle() -> None:
    found = dict(modules())
    edges = {
        module: frozenset(
            target
            for name in imports(text)
            for target in targets_within(name, found)
            if target != module
        )
        for module, text in found.items()
    }
    assert cycles(edges) == []


def test_a_module_of_the_driver_knows_only_those_before_it() -> None:
    found = dict(modules())
    order = driver_order()
    in_the_room = {module for module in found if module.startswith("driver.")}
    assert set(order) == in_the_room - {"driver.__init__"}
    assert len(order) == len(set(order))
    known = {
        (module, target)
        for module in order
        for name in imports(found[module])
        for target in targets_within(name, found)
        if target in order and target != module
    }
    assert known
    assert {edge for edge in known if order.index(edge[1]) > order.index(edge[0])} == set()


def driver_order() -> list[str]:
    """Return the modules of the driver as the table of the plan has them, row by row."""
    text = (SOURCE.parent / "docs/architecture.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## The way of a command\n(.*?)^```", text, re.S | re.M)
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.M)
    return [f"driver.{name}" for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def targets_within(name: str, found: dict[str, str]) -> Iterator[str]:
    """Yield the module of ours that an imported name is in: the module itself, else its parent."""
    if not name.startswith(f"{PACKAGE}.") and name != PACKAGE:
        return
    parts = name.split(".")[1:]
    while parts:
        for candidate in (".".join(parts), ".".join([*parts, "__init__"])):
            if candidate in found:
                yield candidate
                return
        parts = parts[:-1]
    yield "__init__"


@pytest.mark.parametrize(
    ("module", "text", "complaint"),
    [
        ("engine.run", "from collector.driver import session", "engine may not import driver"),
        ("engine.run", "import collector.store.writer", "engine may not import store"),
        (
            "engine.run",
            "def f():\n    from collector import driver as d",
            "engine may not import driver",
        ),
        ("store.files", "import scrapli", "store is not an owner of scrapli"),
        ("views.text", "def f():\n    import asyncssh.misc", "views is not an owner of asyncssh"),
        ("lab.server", "from collector.collect import run", "lab may not import collect"),
        ("lab.server", "from collector import collect", "lab may not import collect"),
        ("driver.open", "from collector import Device", "driver may not import __init__"),
        ("store.files", "from . import writer", "relative import"),
        ("driver.open", "import paramiko", "driver is not an owner of paramiko"),
        ("platforms.catalogue", "import yaml", "platforms is not an owner of yaml"),
        ("views.table", "from collector.store import x", "views may not import store"),
        ("cli.run", "from collector import Device", "cli may not import __init__"),
        ("engine.run", "__import__('collector.driver')", "engine may not import driver"),
        (
            "driver.open",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from collector.cli import x",
            "driver may not import cli",
        ),
        ("helpers", "import os", "not in the plan"),
    ],
)
def test_a_forbidden_import_is_found(module: str, text: str, complaint: str) -> None:
    (found,) = violations(module, text)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("cli.run", "import typer\nfrom collector import collect\nfrom collector.store import x"),
        ("driver.open", "import asyncssh, asyncio\nfrom collector.driver.prompt import learn"),
        ("collect", "from collector.driver import connect\nfrom collector.engine import go"),
    ],
)
def test_an_allowed_import_is_not(module: str, text: str) -> None:
    assert list(violations(module, text)) == []
