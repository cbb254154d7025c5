"""What a device shares with others: its groups, its credential, its jump host.

Owns how many may be at it at once, in each. Refuses to count them.
"""

from __future__ import annotations

from collector.model import Device, Jump, Limits

# ("group", "ams"), ("credential", "lab"), ("jump", the jump host).
Share = tuple[str, str | Jump]


def shares(device: Device, limits: Limits) -> tuple[Share, ...]:
    """Name what there are not as many places in as anybody wants."""
    named: list[Share] = [("group", group) for group in sorted(set(device.groups))]
    named.append(("credential", device.credential))
    if device.jump is not None:
        named.append(("jump", device.jump))
    return tuple(share for share in named if places(share, limits))


def places(share: Share, limits: Limits) -> int:
    """Give the number of places; 0 for no limit.

    >>> places(("group", "ams"), Limits(per_group=4)), places(("credential", "lab"), Limits())
    (4, 0)
    """
    kind, owner = share
    if isinstance(owner, Jump):
        return owner.sessions
    return limits.per_group if kind == "group" else limits.per_credential
