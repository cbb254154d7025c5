"""Every word of the model is explained on its page, in the model's order."""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from pathlib import Path

import pytest

from collector import model

ROOT = Path(__file__).parent.parent

# The words that reach disk, each kind in a table below its own heading.
TABLES: dict[type[StrEnum], str] = {
    model.Status: "Status of a device",
    model.CommandStatus: "Status of a command",
    model.FaultClass: "Class of a fault",
    model.Phase: "Phase",
    model.Proof: "Proofs",
    model.Change: "Change of a configuration",
}
# The words that a user writes, and the page that tells what they do.
WRITTEN: dict[type[StrEnum], str] = {
    model.Transport: "README.md",
    model.ProofLevel: "README.md",
    model.HostKeys: "docs/credentials.md",
    model.SshProfile: "docs/credentials.md",
    model.Step: "docs/doctor.md",
    model.Redact: "docs/volatile-and-secrets.md",
    model.Event: "docs/telling.md",
}

# Never written by anyone: on their way to a view.
SHOWN = {model.DiffKind}


def first_column(text: str, heading: str) -> list[str]:
    """Return the words that begin the rows of the table below a heading."""
    (section,) = re.findall(rf"^### {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.S | re.M)
    return re.findall(r"^\| `([\w-]+)` \|", section, re.M)


def test_every_kind_of_word_has_its_page() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(model, inspect.isclass)
        if issubclass(kind, StrEnum) and kind is not StrEnum
    }
    assert kinds == {*TABLES, *WRITTEN, *SHOWN}


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_every_word_has_its_row(kind: type[StrEnum]) -> None:
    text = (ROOT / "docs/runs.md").read_text(encoding="utf-8")
    assert first_column(text, TABLES[kind]) == [word.value for word in kind]


@pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.__name__)
def test_every_word_to_write_is_told(kind: type[StrEnum]) -> None:
    text = (ROOT / WRITTEN[kind]).read_text(encoding="utf-8")
    assert [word.value for word in kind if f"`{word.value}`" not in text] == []
