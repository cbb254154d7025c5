"""The native inventory: one YAML file of defaults, credentials, groups and devices.

Owns how a device comes by its settings (defaults, then its groups in order, then its own keys; tags
and timeouts merge key by key), which names are safe, and that every name used is defined. Refuses
to know secrets: credentials keep their ``${VAR}`` as written.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from collector.credentials import (
    FIELDS,
    CredentialSpec,
    Source,
    expand,
    malformed,
    source_of,
)
from collector.document import (
    Complaint,
    Document,
    Loc,
    complaints,
    found,
    near,
    read_document,
    typed,
)
from collector.document.keys import SourceKeys
from collector.errors import InputError
from collector.inventory.jumps import Jumps
from collector.inventory.keys import (
    NAME,
    NO_JUMP,
    InventoryKeys,
    SharedKeys,
    schema,
)
from collector.model import Device, Jump, ProofLevel, SshProfile, Transport

_PORTS: Final = {Transport.SSH: 22, Transport.TELNET: 23}
_OWN: Final = frozenset({"host", "groups"})  # of the device alone
_SWITCHES: Final = frozenset({("credentials", "agent"), ("credentials", "prompt")})  # never text
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one file says; ``digest`` is the SHA-256 of its bytes, ``source`` its path.

    ``jumps`` are all jump hosts, whether a device is behind them or not.
    """

    devices: tuple[Device, ...]
    credentials: Mapping[str, CredentialSpec] = field(repr=False)
    digest: str
    source: str
    jumps: tuple[Jump, ...] = ()


def find_inventory(name: str | Path, folder: Path = Path("inventory")) -> Path:
    """Return the path as given, or else in ``folder``; raises InputError with a near miss."""
    given = Path(
        os.path.expanduser(name)
    )  # unlike Path.expanduser, it leaves an unknown ~user alone
    candidates = (given,) if given.is_absolute() else (given, folder / given)
    try:
        for path in candidates:
            if path.exists():
                return path
        beside = (entry.name for path in candidates for entry in _entries(path.parent))
        tried = " nor ".join(map(str, candidates))
        hint = (
            near(given.name, beside) or "; name one: --inventory FILE, or inventory: in config.yaml"
        )
        raise InputError(f"no inventory {tried}{hint}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"inventory {found(str(name))}: {reason}") from None


def _entries(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []


def load_inventory(
    path: Path | str,
    *,
    known_platforms: Collection[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Inventory:
    """Read, validate and merge an inventory; blocking, so call it in a thread.

    Raises InputError with every problem at once. Without ``known_platforms`` any platform will do.
    ``environ`` fills the ``${VAR}`` of hosts, ports, tags and the like; secrets are left alone.
    """
    return read_inventory(path, known_platforms=known_platforms, environ=environ)[0]


def read_inventory(
    path: Path | str,
    *,
    known_platforms: Collection[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Inventory, Document]:
    """Load an inventory, and return the document too, for who has more to say about its places."""
    with _no_garbage_collection():
        document = read_document(path)
        return _inventory(document, known_platforms, environ), document


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Hold the cyclic collector off: it finds nothing here, and takes half the time in doing so.

    Every node of the file is alive until the end, and each full collection looks at all of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _inventory(
    document: Document, known_platforms: Collection[str] | None, environ: Mapping[str, str]
) -> Inventory:
    wrong = [*_prepare(document, environ), *_unsafe_names(document)]
    try:
        keys = InventoryKeys.model_validate(document.data)
    except ValidationError as error:
        wrong += complaints(error.errors(include_url=False), schema())
        document.refuse(wrong)
        raise  # not reached: there is at least one complaint
    jumps = Jumps(keys.jumps, keys.credentials)
    merging = _Merging(keys, known_platforms, jumps)
    devices = tuple(merging.devices())
    document.refuse([*wrong, *jumps.complaints, *merging.complaints])
    return Inventory(
        devices=devices,
        credentials=MappingProxyType(dict(_credentials(keys, document))),
        digest=document.digest,
        source=document.name,
        jumps=tuple(jump for name in keys.jumps if (jump := jumps.get(name))),
    )


def _prepare(document: Document, environ: Mapping[str, str]) -> Iterator[Complaint]:
    """Expand ``${VAR}``, and take tags and secrets that look like numbers as they are written."""
    data = document.data
    for name in ("groups", "devices", "jumps", "credentials"):
        section = data.get(name)
        for entry, keys in section.items() if isinstance(section, dict) else ():
            if isinstance(keys, dict):
                if name == "credentials":
                    yield from _prepare_credential(document, keys, (name, entry))
                else:
                    yield from _prepare_keys(document, keys, (name, entry), environ)
    if isinstance(data.get("defaults"), dict):
        yield from _prepare_keys(document, data["defaults"], ("defaults",), environ)


def _prepare_credential(document: Document, keys: dict[str, Any], loc: Loc) -> Iterator[Complaint]:
    _as_written(document, keys, loc)
    for key, value in keys.items():
        if isinstance(value, str) and (messages := malformed(value)):
            yield Complaint(loc=(*loc, key), message="; ".join(messages))
        elif isinstance(value, dict):  # a source: as templates, but for what a command is given
            yield from _prepare_credential(document, value, (*loc, key))
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, (int, float)):
                    value[position] = document.text((*loc, key, position))


def _prepare_keys(
    document: Document, keys: dict[str, Any], loc: Loc, environ: Mapping[str, str]
) -> Iterator[Complaint]:
    for key, value in keys.items():
        if isinstance(value, str):
            if "$" in value:
                yield from _expand(keys, key, (*loc, key), environ)
        elif isinstance(value, dict):
            if key == "tags":
                _as_written(document, value, (*loc, key))
            yield from _prepare_keys(document, value, (*loc, key), environ)
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, str) and "$" in item:
                    yield from _expand(value, position, (*loc, key, position), environ)


def _as_written(document: Document, values: dict[str, Any], loc: Loc) -> None:
    for key, value in values.items():
        if isinstance(value, (int, float)) and (*loc[:1], key) not in _SWITCHES:
            values[key] = document.text((*loc, key))


def _expand(
    holder: dict[str, Any] | list[Any], at: Any, loc: Loc, environ: Mapping[str, str]
) -> Iterator[Complaint]:
    try:
        text = expand(holder[at], environ)
    except InputError as error:
        yield Complaint(loc=loc, message="; ".join(error.problems))
        return
    number = typed(text) if at in {"port", "sessions"} or "timeouts" in loc else text
    holder[at] = number if isinstance(number, (int, float)) else text


def _unsafe_names(document: Document) -> Iterator[Complaint]:
    """Yield a complaint for names that are no safe file names, or differ only in case."""
    for section in ("devices", "groups", "jumps", "credentials"):
        entries = document.data.get(section)
        seen: dict[str, str] = {}
        for name in entries if isinstance(entries, dict) else ():
            if NAME.fullmatch(name) is None:
                yield Complaint(loc=(section, name), message=_unsafe(name), at_key=True)
            first = seen.setdefault(name.casefold(), name)
            if first is not name:
                line = document.place((section, first), key=True).line
                message = f"{name!r} differs only in case from {first!r} in line {line}"
                yield Complaint(loc=(section, name), message=message, at_key=True)


def _unsafe(name: str) -> str:
    if len(name) > 128:
        return f"expected a name of at most 128 characters, found {len(name)}: {found(name)}"
    return (
        "expected a name of letters, digits and _ . : @ + -, the first a letter, a digit or _, "
        f"found {found(name)}"
    )


class _Merging:
    """Puts devices together from defaults, groups and their own keys; notes what does not fit."""

    def __init__(
        self, keys: InventoryKeys, known_platforms: Collection[str] | None, jumps: Jumps
    ) -> None:
        self.complaints: list[Complaint] = []
        self._keys = keys
        self._jumps = jumps
        self._known = {
            "credential": keys.credentials.keys(),
            "platform": known_platforms,
            "jump": jumps.names,
        }
        self._near: dict[tuple[str, str], str] = {}  # one typo may be in every device
        self._defaults = self._given(keys.defaults, ("defaults",))
        self._groups = {
            name: self._given(group, ("groups", name)) for name, group in keys.groups.items()
        }
        self._bases: dict[tuple[str, ...], Mapping[str, Any]] = {}

    def devices(self) -> Iterator[Device]:
        """Yield the devices that can be put together; the others have left a complaint."""
        for name, keys in self._keys.devices.items():
            loc = ("devices", name)
            groups = tuple(dict.fromkeys(keys.groups))
            base = self._bases.get(groups)
            if base is None:
                base = self._base(groups, keys.groups, loc)
            merged = _merged(base, self._given(keys, loc))
            if missing := [key for key in ("platform", "credential") if key not in merged]:
                self.complaints += (_not_given(key, loc) for key in missing)
            else:
                yield _device(name, keys.host, groups, merged, self._jumps)

    def _given(self, keys: SharedKeys, loc: Loc) -> dict[str, Any]:
        """Return the keys that are really written, the names in them checked."""
        given = {key: getattr(keys, key) for key in keys.model_fields_set if key not in _OWN}
        if "timeouts" in given:
            timeouts = keys.timeouts
            given["timeouts"] = {key: getattr(timeouts, key) for key in timeouts.model_fields_set}
        for kind, known in self._known.items():
            named = given.get(kind)
            if known is None or named is None:
                continue
            if isinstance(named, list):
                wrong = [(at, name) for at, name in enumerate(named) if name not in known]
                for at, name in wrong:
                    self._undefined(kind, name, known, (*loc, kind, at))
            elif named not in known:
                self._undefined(kind, named, known, (*loc, kind))
        return given

    def _base(self, groups: tuple[str, ...], written: list[str], loc: Loc) -> Mapping[str, Any]:
        """Return the defaults and these groups merged; kept, as many devices share their groups."""
        base: Mapping[str, Any] = self._defaults
        for name in groups:
            if name in self._groups:
                base = _merged(base, self._groups[name])
            else:
                place = (*loc, "groups", written.index(name))
                self._undefined("group", name, self._groups, place)
        if self._groups.keys() >= set(groups):
            self._bases[groups] = base
        return base

    def _undefined(self, kind: str, name: str, known: Collection[str], loc: Loc) -> None:
        hint = self._near.get((kind, name))
        if hint is None:
            hint = self._near[kind, name] = near(name, known)
        self.complaints.append(Complaint(loc=loc, message=f"no {kind} {name!r}{hint}"))


def _not_given(key: str, loc: Loc) -> Complaint:
    message = f"expected a {key!r}, here, in one of its groups or in 'defaults'"
    return Complaint(loc=(*loc, key), message=message)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    if not over:
        return base
    merged = {**base, **over}
    for key in ("tags", "timeouts"):
        if key in base and key in over:
            merged[key] = {**base[key], **over[key]}
    return merged


def _device(
    name: str, host: str, groups: tuple[str, ...], merged: Mapping[str, Any], jumps: Jumps
) -> Device:
    transport = merged.get("transport", Transport.SSH)
    named = merged["credential"]
    credential, *fallbacks = named if isinstance(named, list) else [named]
    return Device(
        name=name,
        host=host,
        platform=merged["platform"],
        credential=credential,
        fallbacks=tuple(fallbacks),
        port=merged.get("port") or _PORTS[transport],
        transport=transport,
        groups=groups,
        tags=MappingProxyType(merged.get("tags", _NOTHING)),
        timeouts=MappingProxyType(merged.get("timeouts", _NOTHING)),
        proof=merged.get("proof", ProofLevel.FULL),
        ssh_profile=merged.get("ssh_profile", SshProfile.DEFAULT),
        jump=jumps.get(merged.get("jump", NO_JUMP)),
    )


def _credentials(keys: InventoryKeys, document: Document) -> Iterator[tuple[str, CredentialSpec]]:
    for name, given in keys.credentials.items():
        loc = ("credentials", name)
        places = {key: str(document.place((*loc, key))) for key in FIELDS}
        spec = CredentialSpec(
            name=name,
            places=MappingProxyType(places),
            folder=Path(document.name).parent,
            username=given.username,
            password=_secret(given.password),
            enable=_secret(given.enable),
            private_key=given.private_key,
            passphrase=_secret(given.passphrase),
            agent=given.agent,
        )
        yield name, spec


def _secret(given: str | SourceKeys | None) -> str | Source | None:
    """Return a secret as it is written, or what it is to be fetched from."""
    if isinstance(given, SourceKeys):
        return source_of(given.model_dump(exclude_none=True))
    return given
