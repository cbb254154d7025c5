"""The keys that a credential offers: its private key, loaded once, and those of the agent.

Owns the loaded keys of a run. Refuses to know to whom they are offered. asyncssh takes long to load
and is imported for credentials that have a key: see `loading`.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from collector.credentials import Credential
from collector.driver.loading import Loading
from collector.driver.opening import Opening
from collector.errors import DeviceError
from collector.model import FaultClass, Phase

if TYPE_CHECKING:
    import asyncssh

    from collector.driver.ssh import Offered


class Keys:
    """The private keys of one run; ``loading`` is of what reads them."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._loaded: dict[Path, asyncssh.SSHKey] = {}

    @asynccontextmanager
    async def offered(self, credential: Credential, opening: Opening) -> AsyncIterator[Offered]:
        """Give what is offered with a credential, its own key first; raises `DeviceError`.

        Before the peer is dialled: one with whom nothing can be done is left alone.
        """
        if credential.private_key or credential.agent:
            await opening.unhurried(self._loading.done())
        key = await self._own(credential)
        if not credential.agent:
            yield [key] if key else []
            return
        from collector.driver.agent import agent_keys

        async with agent_keys() as agent:
            yield [key, *agent] if key else [*agent]

    async def _own(self, credential: Credential) -> asyncssh.SSHKey | None:
        """Load the private key once; off the loop, since a passphrase is slow on purpose."""
        path = credential.private_key
        if path is None:
            return None
        if path not in self._loaded:
            import asyncssh

            try:
                self._loaded[path] = await asyncio.to_thread(
                    asyncssh.read_private_key, path, credential.passphrase
                )
            except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
                raise DeviceError.of(
                    FaultClass.AUTH,
                    Phase.CREDENTIALS,
                    f"the private key {path} cannot be used: {error}",
                    hint="check the path and the passphrase",
                ) from error
        return self._loaded[path]
