"""Names on disk: what a run, a device and a command are called in the output folder.

Owns the rule that turns a command into a file name. Refuses to touch the disk: text in, text out.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

_RUN = re.compile(r"(\d{8}T\d{6})Z-[0-9a-f]+")
_OUTSIDE = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST_STEM = 200  # bytes; leaves room for ".txt" and a suffix of other programs under 255
_LONGEST_FOLDER = 255  # bytes: what one path component may have on Linux and macOS
_HASH_DIGITS = 8
_SUFFIX = ".txt"


def run_name(started: datetime, token: str) -> str:
    """Name a run's folder, which is also its id: UTC time, then a token that makes it unique.

    >>> run_name(datetime(2026, 3, 1, 7, 5, 9, tzinfo=UTC), "1f9c3a")
    '20260301T070509Z-1f9c3a'
    """
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{token}"


def run_time(name: str) -> datetime | None:
    """Say when the run of that name was started; None where it is no name of a run.

    >>> run_time("20260301T070509Z-1f9c3a").isoformat()
    '2026-03-01T07:05:09+00:00'
    >>> run_time("copy-of-20260301T070509Z-1f9c3a"), run_time("20261301T070509Z-1f9c3a")
    (None, None)
    """
    found = _RUN.fullmatch(name)
    try:
        return datetime.strptime(found[1] + "Z", "%Y%m%dT%H%M%S%z") if found else None
    except ValueError:
        return None


def command_files(commands: Sequence[str]) -> tuple[str, ...]:
    """Name the file of each command of one device, no two alike on any file system.

    >>> command_files(["show version", "show ip route | include 10.0.0.0/8"])
    ('show_version.txt', 'show_ip_route_include_10.0.0.0_8.txt')
    >>> command_files(["show vlan", "show  vlan", "SHOW VLAN"])
    ('show_vlan.txt', 'show_vlan-ab51870e.txt', 'SHOW_VLAN-a12c4116.txt')
    >>> command_files(["..", ""])
    ('_-5ec1f7e7.txt', '_-e3b0c442.txt')
    """
    taken: set[str] = set()
    return tuple(_free_name(command, taken) for command in commands)


def folder_problem(device: str) -> str | None:
    """Say why a device's name cannot be the name of its folder; None when it can.

    >>> folder_problem("ams-r1.example.net")
    >>> folder_problem("../x")
    "'../x' cannot be the name of a folder"
    """
    encoded = device.encode("utf-8", "surrogatepass")
    safe = device not in {"", os.curdir, os.pardir} and not {"/", "\0"} & set(device)
    if safe and len(encoded) <= _LONGEST_FOLDER and _is_text(device):
        return None
    return f"{_shortened(device)!r} cannot be the name of a folder"


def _free_name(command: str, taken: set[str]) -> str:
    plain = _OUTSIDE.sub("_", command)
    usable = bool(plain.strip(".")) and len(plain) <= _LONGEST_STEM
    stem = plain if usable else _hashed(plain, command)
    seed = command
    while stem.casefold() in taken:  # the same command asked twice needs more than one round
        stem = _hashed(plain, seed)
        seed += "\0"
    taken.add(stem.casefold())
    return stem + _SUFFIX


def _hashed(plain: str, seed: str) -> str:
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    stem = plain if plain.strip(".") else "_"
    return f"{stem[: _LONGEST_STEM - _HASH_DIGITS - 1]}-{digest}"


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shortened(name: str, most: int = 60) -> str:
    return name if len(name) <= most else f"{name[:most]}..."
