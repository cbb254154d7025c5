"""A cluster that cannot be worked with, beside the rest of the settings or by itself.

Owns what no key by itself can tell; it reads what is not checked yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.document import Complaint
from collector.settings.jobs import section_of

_TLS = ("tls_ca", "tls_cert", "tls_key")


def unusable_cluster(data: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield a line for all that keeps a cluster from being used, where one is named."""
    cluster = section_of(data, "cluster")
    address = str(cluster.get("address") or "")
    if not address:
        return
    if message := _unprotected(address, cluster):
        yield Complaint(loc=("cluster", "address"), message=message)
    if data.get("processes", 1) not in {1, "1"}:
        message = "expected 1 beside a cluster: its workers visit the devices"
        yield Complaint(loc=("processes",), message=message)


def _unprotected(address: str, cluster: Mapping[str, Any]) -> str:
    missing = [f"cluster.{key}" for key in _TLS if not cluster.get(key)]
    if address.startswith("tls://") and missing:
        return f"expected {', '.join(missing)} for tls://, found none"
    if address.startswith("tcp://") and cluster.get("insecure") is not True:
        return (
            "tcp:// is refused: nothing would be encrypted, and whoever reaches the scheduler could"
            " run programs on its workers; use tls://, or set cluster.insecure: true"
        )
    return ""
