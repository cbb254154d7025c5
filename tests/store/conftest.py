"""How the tests of the store start programs of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., tuple[list[str], dict[str, str]]]

_TESTS = Path(__file__).parents[1]


@pytest.fixture
def program() -> Program:
    """Give the command line and the environment of a program that lies beside the tests."""

    def prepare(name: str, *arguments: object) -> tuple[list[str], dict[str, str]]:
        path = os.pathsep.join([str(_TESTS.parent), str(_TESTS)])
        command = [sys.executable, str(_TESTS / "store" / name), *map(str, arguments)]
        return command, {**os.environ, "PYTHONPATH": path}

    return prepare
