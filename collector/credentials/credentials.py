"""Credentials by name: each obtained once, when a run needs it.

Owns the order in which credentials are obtained (those that ask a person last), that nothing is
asked for twice, and that what can be seen to be wrong is told all at once.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from collector.credentials.obtaining import obtained, patience, seen
from collector.credentials.spec import Credential, CredentialSpec
from collector.document import near
from collector.errors import InputError


class Credentials:
    """Obtains credentials by name, each once, when it is first asked for; from any thread.

    Commands, the keyring and a person take their time: `check` fetches all that a run needs,
    beforehand and off the event loop, and `get` then answers at once.
    """

    def __init__(self, specs: Mapping[str, CredentialSpec], environ: Mapping[str, str]) -> None:
        self._specs = specs
        self._environ = environ
        self._ends: dict[str, Credential | tuple[str, ...]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, held: Mapping[str, Credential]) -> Credentials:
        """Take credentials that were obtained elsewhere, by `held`."""
        credentials = cls({}, {})
        credentials._ends.update(held)
        return credentials

    def held(self, names: Collection[str]) -> dict[str, Credential]:
        """Give these credentials, by name, to another process of this program."""
        return {name: self.get(name) for name in names}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(sorted(self._specs))})"

    def get(self, name: str) -> Credential:
        """Return a credential; raises InputError where it cannot be had, the same every time.

        A command that failed is not run again, and nobody is asked twice.
        """
        end = self._ends.get(name)
        if end is None:
            with self._lock:
                end = self._ends.get(name)
                if end is None:
                    end = self._ends[name] = self._end(self._spec(name))
        if isinstance(end, Credential):
            return end
        raise InputError(*end)

    def check(self, names: Collection[str]) -> None:
        """Obtain these credentials; blocking, and it may ask a person.

        Raises InputError with all that can be seen to be wrong, before a command is run or anybody
        asked; and otherwise with the first that cannot be had.
        """
        self._look_over(names, asking=True)
        for name in sorted(self._in_order(names), key=lambda name: patience(self._spec(name))):
            self.get(name)

    def examine(self, names: Collection[str]) -> None:
        """Raise InputError with all that can be seen to be wrong; blocking.

        Unset variables, missing files, files that others can read, unknown commands: no command is
        run, no keyring opened and nobody asked.
        """
        self._look_over(names, asking=False)

    def _look_over(self, names: Collection[str], *, asking: bool) -> None:
        problems: list[str] = []
        for name in self._in_order(names):
            if isinstance(self._ends.get(name), Credential):
                continue
            try:
                problems += seen(self._spec(name), self._environ, asking=asking)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(*problems)

    def _in_order(self, names: Collection[str]) -> list[str]:
        """Give each name once, as they are written: of a set each run would make another order."""
        wanted = frozenset(names)
        return [*(name for name in self._specs if name in wanted), *sorted(wanted - {*self._specs})]

    def _end(self, spec: CredentialSpec) -> Credential | tuple[str, ...]:
        try:
            return obtained(spec, self._environ)
        except InputError as error:
            return error.problems

    def _spec(self, name: str) -> CredentialSpec:
        spec = self._specs.get(name)
        if spec is None:
            raise InputError(f"no credential {name!r}{near(name, self._specs)}")
        return spec
