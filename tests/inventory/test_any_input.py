"""Whatever a file holds, the loaders return a value or refuse it in lines of text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import InputError
from collector.inventory import check_inventory
from collector.settings import load_settings

_WORDS = st.sampled_from(
    [
        "defaults",
        "credentials",
        "groups",
        "devices",
        "host",
        "port",
        "platform",
        "credential",
        "transport",
        "tags",
        "timeouts",
        "proof",
        "ssh_profile",
        "legacy",
        "login",
        "lab",
        "r1",
        "R1",
        "username",
        "password",
        "limits",
        "sessions",
        "jobs",
        "commands",
        "default",
        "backup",
        "job",
        "retries",
        "${A}",
        "${A:-22}",
        "${",
        "$${",
        "../x",
        "ssh",
        "10.0.0.1",
        "hunter2",
    ]
)
_SCALARS = st.one_of(_WORDS, st.integers(), st.floats(), st.booleans(), st.none(), st.text())
_VALUES = st.recursive(
    _SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_WORDS, below, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "f.yaml"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.dictionaries(_WORDS, _VALUES, max_size=5))
def test_any_data_is_loaded_or_refused_in_lines(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML, but for NaN and the like
    lines: tuple[str, ...] = ()
    for load in (
        lambda: check_inventory(path, known_platforms={"ssh"}, environ={"A": "x"}),
        lambda: load_settings(path, {}),
    ):
        try:
            load()
        except InputError as error:
            lines += error.problems or ("",)
    assert all(line.startswith(f"{path}:") and "\n" not in line for line in lines)
