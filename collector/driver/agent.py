"""The keys of the user's SSH agent, for the length of one login.

Owns the connection to the agent. Refuses to know private keys: the agent signs.

asyncssh asks an agent by itself only where it also offers the keys of the home folder, or those
that it is given: https://asyncssh.readthedocs.io/en/latest/api.html#asyncssh.SSHClientConnectionOptions
(``client_keys``). So the agent's keys are asked for here, and given to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncssh

from collector.errors import DeviceError
from collector.model import FaultClass, Phase


@asynccontextmanager
async def agent_keys() -> AsyncIterator[Sequence[asyncssh.SSHKeyPair]]:
    """Give the agent's keys; raises `DeviceError` where there are none to be had."""
    try:
        agent = await asyncssh.connect_agent()
    except OSError as error:
        raise _unusable(error.strerror or str(error)) from error
    try:
        try:
            keys = await agent.get_keys()
        except ValueError as error:  # what asyncssh makes of an answer that is none
            raise _unusable("it gave no answer") from error
        if not keys:
            raise _unusable("it holds no key")
        yield keys
    finally:
        agent.close()


def _unusable(why: str) -> DeviceError:
    return DeviceError.of(
        FaultClass.AUTH,
        Phase.CREDENTIALS,
        f"the SSH agent cannot be used: {why}",
        hint="start one, set SSH_AUTH_SOCK, and load the key with ssh-add",
    )
