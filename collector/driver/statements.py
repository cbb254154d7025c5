"""What a device says of its authentication server in a login, and which of it counts.

Owns the one ground on which another credential may be tried. What is shown to everyone before
anybody has logged in proves nothing, whatever it says: a line counts when it comes after an answer
of ours, or in a challenge that is made to this user; and not even then where it had stood there
before. Refuses to know where the words are read, and what is done about them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from collector.errors import DeviceError
from collector.model import FaultClass, Phase

LONGEST: Final = 300
"""Characters of a line; a device does not say this in more."""
_KEPT: Final = 1000
"""Lines remembered of what is shown to everyone; of a device that shows more nothing counts."""
_ENDS: Final = frozenset({FaultClass.AUTH, FaultClass.DISCONNECTED, FaultClass.TIMEOUT})
_HINT: Final = (
    "see to the authentication server, and the device's way to it; credential: [this, another] "
    "in the inventory names one for that time"
)


class Statements:
    r"""Hears a login; ``words`` is the first line that counts, empty while there is none.

    ``has_next``: another credential may take the place of this one.

    >>> said = Statements([re.compile("no server answers")])
    >>> said.hear("NO SERVER\n no server answers\n"), said.words
    (None, '')
    >>> said.answered(), said.hear("no server answers\n"), said.words  # as it does for everyone
    (None, None, '')
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]], *, has_next: bool = False) -> None:
        self.words = ""
        self._patterns = patterns
        self._has_next = has_next
        self._standing: set[str] = set()
        self._counts = False
        self._was_judged = False

    @property
    def is_enough(self) -> bool:
        """Whether this credential is better not sent: it would not be judged, another one would."""
        return bool(self.words) and self._has_next

    def answered(self) -> None:
        """Note that something of the credential was sent: what comes now is said to this user."""
        self._counts = True
        self._was_judged = bool(self.words)

    def hear(self, text: str, *, is_challenge: bool = False) -> None:
        """Take note of what the device has shown, of whole lines each time."""
        if not self._patterns:
            return
        for line in text.splitlines():
            shown = "".join(char for char in line[:LONGEST] if char.isprintable()).strip()
            if not shown:
                continue
            if not (self._counts or is_challenge):
                self._standing.add(shown)
                if len(self._standing) > _KEPT:
                    self._patterns = ()
                    return
            elif not self.words and shown not in self._standing and self.says(shown):
                self.words = shown

    def says(self, line: str) -> bool:
        """Tell whether a line says that the authentication server cannot be reached."""
        return any(pattern.fullmatch(line) for pattern in self._patterns)

    def judged(self, error: DeviceError) -> DeviceError:
        """Give the end of a login its own name where such words were said in it.

        Not where the credential was sent after them: somebody else has judged it then, as the
        second group of servers, and a rejection is one.
        """
        fault = error.fault
        if not self.words or fault.phase is not Phase.AUTH or fault.fault_class not in _ENDS:
            return error
        if self._was_judged:
            said = f"{fault.message}; it had said before: {self.words}"
            return DeviceError(replace(fault, message=said), error.evidence)
        return DeviceError(
            replace(
                fault,
                fault_class=FaultClass.AUTH_UNREACHABLE,
                message=f"the device cannot reach its authentication server: {self.words}",
                hint=_HINT,
            ),
            error.evidence,
        )

    def yielded(self) -> DeviceError:
        """Give the end of a login in which the credential was not sent, for `is_enough`."""
        return self.judged(DeviceError.of(FaultClass.AUTH, Phase.AUTH, "not sent"))
