"""The jump hosts of an inventory: each with the one before it, and what is wrong with them.

Owns how a chain is put together, that it ends, and how many devices each takes at once. Refuses to
know devices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from collector.document import Complaint, near
from collector.inventory.keys import NO_JUMP, JumpKeys
from collector.model import Jump


class Jumps:
    """The jump hosts by name; ``complaints`` tell what does not fit.

    Of those that cannot be put together ``get`` knows nothing.
    """

    def __init__(self, written: Mapping[str, JumpKeys], credentials: Mapping[str, object]) -> None:
        self.complaints: list[Complaint] = []
        self._written = written
        self._behind = Counter(keys.jump for keys in written.values())
        self._known: dict[str, Jump] = {}
        for name, keys in written.items():
            self._check(name, keys, credentials)
        for name in written:
            self._put_together(name, ())

    @property
    def names(self) -> frozenset[str]:
        """What a device may name."""
        return frozenset({*self._written, NO_JUMP})

    def get(self, name: str) -> Jump | None:
        """Give a jump host; None for none."""
        return self._known.get(name)

    def _check(self, name: str, keys: JumpKeys, credentials: Mapping[str, object]) -> None:
        if name == NO_JUMP:
            self._complain(name, "", f"expected another name: {NO_JUMP!r} stands for no jump host")
        if keys.credential not in credentials:
            hint = near(keys.credential, credentials)
            self._complain(name, "credential", f"no credential {keys.credential!r}{hint}")
        if keys.jump not in self.names:
            self._complain(name, "jump", f"no jump {keys.jump!r}{near(keys.jump, self.names)}")
        if keys.sessions and keys.sessions <= self._behind[name]:
            message = (
                f"expected more than {self._behind[name]}, found {keys.sessions}: "
                "each jump host behind this one takes a session of it"
            )
            self._complain(name, "sessions", message)

    def _put_together(self, name: str, before: tuple[str, ...]) -> Jump | None:
        """Build a jump host after the one that it is itself behind."""
        keys = self._written.get(name)
        if keys is None or name in self._known:
            return self._known.get(name)
        if name in before:
            if name == before[0]:  # told once, of each that is a part of it
                self._complain(name, "jump", f"a circle: {' -> '.join((*before, name))}")
            return None
        first = self._put_together(keys.jump, (*before, name))
        if first is None and keys.jump != NO_JUMP:
            return None
        jump = self._known[name] = Jump(
            name=name,
            host=keys.host,
            port=keys.port,
            credential=keys.credential,
            sessions=max(0, keys.sessions - self._behind[name]),
            jump=first,
            ssh_profile=keys.ssh_profile,
        )
        return jump

    def _complain(self, name: str, key: str, message: str) -> None:
        loc = ("jumps", name, key) if key else ("jumps", name)
        self.complaints.append(Complaint(loc=loc, message=message, at_key=not key))
