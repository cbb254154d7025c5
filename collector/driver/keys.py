"""The keys that a credential offers: its private key, loaded once, and those of the agent.

Owns the loaded keys of a run. Refuses to know to whom they are offered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from collector.credentials import Credential
from collector.driver.agent import agent_keys
from collector.errors import DeviceError
from collector.model import FaultClass, Phase

Offered = list[asyncssh.SSHKey | asyncssh.SSHKeyPair]


class Keys:
    """The private keys of one run."""

    def __init__(self) -> None:
        self._loaded: dict[Path, asyncssh.SSHKey] = {}

    @asynccontextmanager
    async def offered(self, credential: Credential) -> AsyncIterator[Offered]:
        """Give what is offered with a credential, its own key first; raises `DeviceError`."""
        key = await self._own(credential)
        async with agent_keys(credential) as agent:
            yield [key, *agent] if key else [*agent]

    async def _own(self, credential: Credential) -> asyncssh.SSHKey | None:
        """Load the private key once; off the loop, since a passphrase is slow on purpose."""
        path = credential.private_key
        if path is None:
            return None
        if path not in self._loaded:
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
