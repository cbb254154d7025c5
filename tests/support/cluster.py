"""A Dask cluster on loopback: a scheduler and workers as processes of their own, with TLS or not.

Owns these processes and the certificates they show. Started as an operator would start them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).parents[2]
STARTING = 60.0  # seconds until a process must be there


class DaskCluster:
    """One scheduler and its workers, for the length of a ``with`` block.

    ``environ`` is the workers', besides this process's own.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], *, protocol: str = "tls") -> None:
        self.folder, self.protocol = folder, protocol
        self.tls = make_certificates(folder)
        self.address = ""
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        self._scheduler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        told = self.folder / "scheduler.json"
        # It needs nothing of ours: what passes through it stays packed.
        self._scheduler = self._started(
            *("scheduler", "scheduler", "--port", "0", "--protocol", self.protocol),
            *("--scheduler-file", str(told)),
        )
        self.address = str(json.loads(_awaited(told, '"workers"'))["address"])
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers.values(), *([self._scheduler] if self._scheduler else [])):
            if process.poll() is None:
                process.kill()
            process.wait()

    @property
    def config(self) -> str:
        """Give the section of config.yaml that leads here."""
        files = "".join(f"  tls_{name}: {path}\n" for name, path in self.tls.items())
        return f"cluster:\n  address: {self.address}\n{files}"

    def worker(self, name: str, *labels: str, environ: Mapping[str, str] | None = None) -> None:
        """Start a worker with these labels, and wait until it is registered."""
        resources = ",".join(f"{label}=1" for label in labels)
        self.workers[name] = self._started(
            *("worker", name, self.address, "--name", name, "--nthreads", "1", "--no-nanny"),
            *("--local-directory", str(self.folder / name)),
            *(("--resources", resources) if resources else ()),
            environ=environ,
        )
        _awaited(self.folder / f"{name}.log", "Registered to")

    def pid(self, name: str) -> int:
        """Give the process of a worker, or that of the scheduler."""
        process = self._scheduler if name == "scheduler" else self.workers[name]
        assert process is not None
        return process.pid

    def kill(self, name: str) -> None:
        """Kill a worker."""
        self.workers[name].send_signal(signal.SIGKILL)
        self.workers[name].wait()

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait()

    def logs(self) -> str:
        """Give all that was logged here."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def _started(
        self, kind: str, name: str, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        tls = ("--tls-ca-file", "--tls-cert", "--tls-key")
        paths = [str(self.tls[name]) for name in ("ca", "cert", "key")]
        files = [word for pair in zip(tls, paths, strict=True) for word in pair]
        command = [
            *(sys.executable, "-m", f"distributed.cli.dask_{kind}"),
            *arguments,
            *("--host", "127.0.0.1", "--no-dashboard"),
            *(files if self.protocol == "tls" else ()),
        ]
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**self._environ, **(environ or {})},
            )


def make_certificates(folder: Path) -> dict[str, Path]:
    """Make an authority, and one certificate of it for all peers; gives the files in PEM."""
    authority_key, peer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("authority", authority_key, authority_key, is_authority=True)
    peer = _certificate("peer", peer_key, authority_key, is_authority=False)
    pem = serialization.Encoding.PEM
    texts = {
        "ca": authority.public_bytes(pem),
        "cert": peer.public_bytes(pem),
        "key": peer_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    files = {name: folder / f"{name}.pem" for name in texts}
    for name, path in files.items():
        path.write_bytes(texts[name])
    return files


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _awaited(path: Path, words: str) -> str:
    """Wait until a file that another process writes has these words."""
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        text = path.read_text() if path.exists() else ""
        if words in text:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{path.name} never said {words!r}: {text}")
