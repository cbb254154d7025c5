"""Three runs in one process over devices in which every known fault occurs: nothing stays behind.

The small version of benchmarks/soak.py, which is also what measures. Here memory may vary: three
runs of so few devices have not filled it yet.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_stays_behind_and_every_device_is_told_of_truthfully(tmp_path: Path) -> None:
    report = tmp_path / "soak.json"
    options = ("--devices", "100", "--silence", "4", "--growth", "0.5", "--json", report)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            ROOT / "benchmarks/soak.py",
            *options,
            "--folder",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = json.loads(report.read_text())
    assert told["wrong"] == []
    assert told["kinds"] > 50
    assert [one["moment"] for one in told["figures"]] == [
        *("before", "run 1", "run 2", "run 3", "after")
    ]
