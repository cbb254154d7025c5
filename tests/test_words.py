"""Every word that reaches a user is explained on its page, in the order of the code."""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from pathlib import Path

import pytest

from collector import model
from collector.cli.app import EXAMPLES
from collector.errors import Exit
from collector.store.rows import AlgorithmsRow, CommandRow, DeviceRow, Manifest, RunFile

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
    model.Order: "docs/runs.md",
}

# The objects of a manifest, each in a table below its own heading.
ROWS: dict[str, type] = {
    "A device's line": DeviceRow,
    "A command's line": CommandRow,
    "The algorithms of a connection": AlgorithmsRow,
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


@pytest.mark.parametrize("heading", ROWS)
def test_every_key_of_a_row_is_told(heading: str) -> None:
    text = (ROOT / "docs/runs.md").read_text(encoding="utf-8")
    assert first_column(text, heading) == list(ROWS[heading].__annotations__)


def test_every_key_of_a_run_is_told() -> None:
    text = (ROOT / "docs/runs.md").read_text(encoding="utf-8")
    keys = {**RunFile.__annotations__, **Manifest.__annotations__}
    assert len(keys) > len(ROWS)
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_every_exit_status_is_told() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Exit status\n(.*?)^## ", text, re.S | re.M)
    column = ", ".join(re.findall(r"^\| ([\d, ]+) \|", section, re.M))
    assert [int(word) for word in column.split(", ")] == list(Exit)

    _, in_help = EXAMPLES.split("Exit status: ")
    said = [int(word) for word in re.findall(r"(?:^|, |,\n|/)(\d+)\b", in_help)]
    assert said == list(Exit)


def test_every_page_is_linked_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages
    assert {page for page in pages if f"]({page})" not in text} == set()


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in links_of(page)]
    assert links
    assert [(page.name, link) for page, link in links if not leads_somewhere(page, link)] == []


def links_of(page: Path) -> list[str]:
    """Return where a page's links within this repository lead."""
    prose = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [link for link in found if "://" not in link]


def leads_somewhere(page: Path, link: str) -> bool:
    """Tell whether there is such a file, with such a heading."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    return target.is_file() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return what a page's headings are called in a link: small letters, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
