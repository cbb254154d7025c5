"""RANCID's groups: a folder each, with ``router.db`` and ``configs``.

Owns both shapes of a line (``name;type;state`` and the older ``name:type:state``), and where
``.cloginrc`` is looked for, which has the logins. Refuses to know what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from collector.errors import InputError
from collector.inventory.cloginrc import FILE, Logins, read_cloginrc
from collector.inventory.foreign import Foreign, ForeignDevice

LIST: Final = "router.db"
_CELLS: Final = 3


def read_rancid(place: Path, logins: Path | None = None) -> Foreign:
    """Read one group's folder, or the folder of all groups; InputError when it is neither.

    ``logins``: the ``.cloginrc``; without it one in the folder, or in the two above, is read.
    """
    folders = [place] if (place / LIST).is_file() else _groups(place)
    if not folders:
        raise InputError(f"{place}: expected {LIST} in it, or in a folder below it")
    devices: list[ForeignDevice] = []
    known, remarks = _logins(place, logins)
    for folder in folders:
        for number, line in _lines(folder / LIST):
            cells = [cell.strip() for cell in line.split(";" if ";" in line else ":")]
            if len(cells) < _CELLS or not cells[0]:
                remarks.append(f"{folder / LIST}:{number}: not read: expected name;type;state")
            else:
                devices.append(_device(folder, cells, known))
    return Foreign(collector="rancid", devices=tuple(devices), remarks=tuple(remarks))


def _logins(place: Path, given: Path | None) -> tuple[Logins, list[str]]:
    found = place.resolve()
    near = [folder / FILE for folder in (found, *list(found.parents)[:2])]
    path = given or next((file for file in near if file.is_file()), None)
    if path is None:
        return Logins(lines={}), []
    try:
        logins = read_cloginrc(path)
    except InputError as error:
        if given:
            raise
        return Logins(lines={}), [f"{error}: logins not known"]
    return logins, list(logins.remarks)


def _groups(place: Path) -> list[Path]:
    try:
        return sorted(path.parent for path in place.glob(f"*/{LIST}"))
    except OSError:
        return []


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _device(folder: Path, cells: list[str], logins: Logins) -> ForeignDevice:
    name = cells[0].lower()
    transport, port = logins.method(name)
    own = (folder / "configs" / ".git").exists()
    return ForeignDevice(
        name=name,
        host=name,
        model=cells[1].lower(),
        group=folder.resolve().name,
        port=port,
        transport=transport,
        login=logins.login(name),
        off=cells[2].lower() != "up",
        repository=folder / "configs" if own else folder,
        file=name if own else f"configs/{name}",
    )
