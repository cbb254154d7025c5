"""The secrets of configurations, taken out of what a job collects before anyone sees it.

Owns which results of a run are redacted, and when: before they are stored, or only before they are
shown. Refuses to know what a secret looks like (that is each platform's data), and what a run types
itself: `redaction.py` knows that.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from collector.collect.delivery import Observer, Writer
from collector.errors import InputError
from collector.model import CommandResult, Device, DeviceResult, Fault, Redact

if TYPE_CHECKING:
    from collector.credentials import Credentials, CredentialSpec
    from collector.platforms import Passages, Platform
    from collector.settings import Job, Settings

KEY: Final = "key of fingerprints"  # with blanks in it: no credential of an inventory is called so
_QUOTE: Final = re.compile(rb"""['"`]|: """)  # where a quotation may begin
_SETTING: Final = ("backups", "fingerprint_key")
_Conceal = Callable[[DeviceResult], DeviceResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concealment:
    """What a job has done to the secrets in its results; ``key`` of its fingerprints."""

    platforms: Mapping[str, Platform]
    mode: Redact = Redact.OFF
    keep_raw: bool = False
    key: bytes = field(default=b"", repr=False)

    async def __call__(self, result: DeviceResult) -> DeviceResult:
        """Give a result without its secrets; in a thread, for outputs may be large."""
        return await self._off_the_loop(self.concealed, result)

    async def shown(self, result: DeviceResult) -> DeviceResult:
        """Give a result that is recorded, for others to see: without what is kept raw of it."""
        return await self._off_the_loop(self._outputs, result) if self.keep_raw else result

    def concealed(self, result: DeviceResult) -> DeviceResult:
        """Take the secrets out of outputs, evidence, and what faults and notes quote; once."""
        return self._outputs(self._told(result))

    async def _off_the_loop(self, conceal: _Conceal, result: DeviceResult) -> DeviceResult:
        return result if self.mode is Redact.OFF else await asyncio.to_thread(conceal, result)

    def _outputs(self, result: DeviceResult) -> DeviceResult:
        secrets = self._secrets(result.device)
        return replace(
            result,
            commands=tuple(
                replace(command, output=self._text(command.output, secrets))
                for command in result.commands
            ),
        )

    def _told(self, result: DeviceResult) -> DeviceResult:
        secrets = self._secrets(result.device)
        return replace(
            result,
            fault=self._fault(result.fault, secrets),
            evidence=self._evidence(result.evidence, secrets),
            commands=tuple(self._command(command, secrets) for command in result.commands),
        )

    def _secrets(self, device: Device) -> Passages:
        from collector.backups.rules import Rules

        return Rules.of(self.platforms[device.platform]).secrets

    def text(self, text: str, *platforms: str) -> str:
        """Take secrets out of a line that may quote a device of these, such as of the log.

        Of none in particular: by the tables of every platform.
        """
        from collector.backups.rules import Rules

        if self.mode is Redact.OFF:
            return text
        for name in platforms or self.platforms:
            text = self._line(text, Rules.of(self.platforms[name]).secrets)
        return text

    def writer(self, writer: Writer) -> Writer:
        """Let a writer store what is concealed: all but the outputs, where these are kept raw."""
        return _ConcealingWriter(writer, self)

    async def recorded(self, result: DeviceResult) -> DeviceResult:
        """Give a result as it is to be recorded."""
        return await self._off_the_loop(self._told if self.keep_raw else self.concealed, result)

    def observer(self, observe: Observer) -> Observer:
        """Let an observer see what is concealed, however it is stored."""

        async def watch(results: AsyncIterator[DeviceResult], total: int) -> None:
            await observe(self._each(results), total)

        return watch if self.keep_raw else observe

    async def _each(self, results: AsyncIterator[DeviceResult]) -> AsyncIterator[DeviceResult]:
        async for result in results:
            yield await self.shown(result)

    def _command(self, command: CommandResult, secrets: Passages) -> CommandResult:
        return replace(
            command,
            fault=self._fault(command.fault, secrets),
            evidence=self._evidence(command.evidence, secrets),
            notes=tuple(self._line(note, secrets) for note in command.notes),
        )

    def _fault(self, fault: Fault | None, secrets: Passages) -> Fault | None:
        """Conceal what a fault quotes; a hint quotes nobody."""
        return fault and replace(fault, message=self._line(fault.message, secrets))

    def _line(self, text: str, secrets: Passages) -> str:
        """Conceal a line of our own: what it quotes of a device may be a line of that."""
        seen = self._text(text.encode("utf-8", "surrogateescape"), secrets)
        place = 0
        while quote := _QUOTE.search(seen, place):
            place = quote.end()
            seen = seen[:place] + self._text(seen[place:], secrets)
        return seen.decode("utf-8", "surrogateescape")

    def _text(self, text: bytes, secrets: Passages) -> bytes:
        from collector.backups.redacting import redact

        return redact(text, secrets, self.mode, self.key)

    def _evidence(self, seen: bytes, secrets: Passages) -> bytes:
        """Conceal what came from a terminal: its last lines are left, and a line that says so."""
        from collector.backups.redacting import LINES_KEPT, last_words

        if not seen:
            return seen
        said = f"(the last {LINES_KEPT} lines, without secrets: the job redacts)\n"
        return said.encode() + last_words(seen, secrets) + b"\n"


class _ConcealingWriter:
    def __init__(self, writer: Writer, conceal: Concealment) -> None:
        self._writer, self._conceal = writer, conceal

    async def write(self, result: DeviceResult) -> DeviceResult:
        return await self._writer.write(await self._conceal.recorded(result))


def concealment(
    job: Job | None, platforms: Mapping[str, Platform], credentials: Credentials
) -> Concealment:
    """Give what a job asks for; None: commands of no job. Raises InputError for a bad key."""
    if job is None:
        return Concealment(platforms=platforms)
    key = _key(credentials) if job.redact is Redact.FINGERPRINT else b""
    return Concealment(platforms=platforms, mode=job.redact, keep_raw=job.keep_raw, key=key)


def key_specs(settings: Settings, job: Job | None) -> Mapping[str, CredentialSpec]:
    """Say where the key of fingerprints is from, as a credential, where the job needs one."""
    from collector.credentials import CredentialSpec, source_of

    given = settings.backups.fingerprint_key
    if job is None or job.redact is not Redact.FINGERPRINT or given is None:
        return MappingProxyType({})
    document = settings.document
    place = str(document.place(_SETTING)) if document else ""
    spec = CredentialSpec(
        name=KEY,
        title=".".join(_SETTING),
        username="collector",
        password=given if isinstance(given, str) else source_of(given),
        places={"password": place} if place else {},
        folder=Path(document.name).parent if document else Path(),
    )
    return MappingProxyType({KEY: spec})


def _key(credentials: Credentials) -> bytes:
    from collector.backups.redacting import LEAST_KEY

    key = (credentials.get(KEY).password or "").encode("utf-8", "surrogateescape")
    if len(key) < LEAST_KEY:
        raise InputError(
            f"{'.'.join(_SETTING)}: expected {LEAST_KEY} characters or more, found {len(key)}; "
            "make one: openssl rand -hex 32"
        )
    return key
