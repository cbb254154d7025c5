"""Texts of emulated devices: a head, a block repeated to a size, a tail; facts filled in.

Owns the placeholder language of the data files (``%{name}``) and the facts that a device's name
and seed determine. Refuses to know which text belongs to which command.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Text", "facts_of", "fill"]

_PLACEHOLDER = re.compile(r"%\{(\w+)\}")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """``each`` is repeated ``count`` times, or, with ``sized``, until the device's size is reached.

    Inside ``each``: ``%{n}`` counts from 1, ``%{slot}`` and ``%{unit}`` are it in steps of 48,
    ``%{high}`` and ``%{low}`` are two octets, ``%{note}`` takes the ``notes`` in turn.
    """

    head: str = ""
    each: str = ""
    tail: str = ""
    notes: tuple[str, ...] = ("",)
    count: int = 0
    sized: bool = False

    def render(self, facts: Mapping[str, object], size: int) -> str:
        """The whole text, line ends ``\\n``."""
        head, tail = fill(self.head, facts), fill(self.tail, facts)
        if not self.each:
            return head + tail
        body: list[str] = []
        written, n = len(head) + len(tail), 0
        while n < self.count or (self.sized and written < size):
            n += 1
            block = fill(fill(self.each, self._block_facts(n)), facts)
            body.append(block)
            written += len(block)
        return "".join((head, *body, tail))

    def _block_facts(self, n: int) -> dict[str, object]:
        slot, unit = divmod(n - 1, 48)
        high, low = divmod(n, 250)
        note = self.notes[n % len(self.notes)]
        return {
            "n": n,
            "slot": slot + 1,
            "unit": unit + 1,
            "high": high,
            "low": low + 1,
            "note": note,
        }


def fill(text: str, facts: Mapping[str, object]) -> str:
    """Put facts into their places; an unknown place stays as it is, for a later filling.

    >>> fill("hostname %{hostname} %{n}", {"hostname": "r1"})
    'hostname r1 %{n}'
    """
    return _PLACEHOLDER.sub(lambda match: str(facts.get(match[1], match[0])), text)


def facts_of(name: str, seed: int) -> dict[str, object]:
    """What makes one device differ from another, the same at every start.

    >>> facts_of("r1", 1) == facts_of("r1", 1), facts_of("r1", 1) == facts_of("r2", 1)
    (True, False)
    """
    chance = random.Random(f"{seed}:{name}")  # not for secrets: to be the same every time
    letters = "".join(chance.choices(_LETTERS, k=3))
    mac = [chance.randrange(256) for _ in range(5)]
    return {
        "hostname": name,
        "serial": f"F{letters}{chance.randrange(100_000):05}{chance.choice(_LETTERS)}",
        "address": f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}",
        "mac_dots": "00{:02x}.{:02x}{:02x}.{:02x}{:02x}".format(*mac),
        "mac_colons": "00:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}".format(*mac),
        "days": chance.randrange(1, 400),
        "hours": chance.randrange(24),
        "minutes": chance.randrange(60),
        "secret": "".join(chance.choices(_LETTERS + _LETTERS.lower(), k=22)),
    }
