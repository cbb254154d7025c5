"""The hosts of the tests beside it, and the collector as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.hosts import ROUTERS, Collect, Collected, Site, serve


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Run ``python -m collector run`` on an inventory, with commands, in a folder of its own."""

    def run(
        site: Site, devices: dict[str, Any], *commands: str, platform: str, **sections: Any
    ) -> Collected:
        inventory = tmp_path / "inventory.yaml"
        plan = {
            "defaults": {"platform": platform, "credential": "password", "port": 2222},
            "credentials": site.credentials(),
            "devices": devices,
            **sections,
        }
        inventory.write_text(yaml.safe_dump(plan, sort_keys=False))
        output = tmp_path / "output"
        ask = [word for command in commands for word in ("-c", command)]
        program = [sys.executable, "-m", "collector", "run"]
        ended = subprocess.run(
            [*program, "--inventory", str(inventory), "--output", str(output), *ask],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("COLLECTOR_")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=50,
            check=False,
        )
        folder = output / "runs" / "latest"
        assert (folder / "manifest.json").is_file(), f"exit {ended.returncode}\n{ended.stderr}"
        return Collected(
            status=ended.returncode,
            stdout=ended.stdout,
            stderr=ended.stderr,
            folder=folder,
            manifest=json.loads((folder / "manifest.json").read_text()),
        )

    return run


@pytest.fixture(scope="session")
def routers() -> Iterator[Site]:
    """Three FRRouting routers, r1 to r3; the last one has a long configuration."""
    with serve("frr", str(ROUTERS)) as site:
        yield site


@pytest.fixture(scope="session")
def shells() -> Iterator[Site]:
    """One account with bash behind the first OpenSSH, and with dash behind the second."""
    with serve("shell") as site:
        yield site
