"""docs/platforms.md says of each platform what its data says."""

from __future__ import annotations

from pathlib import Path

from collector.platforms import Platform, load_platforms
from collector.platforms.entry import ADDED, Entry

PAGE = Path(__file__).parents[2] / "docs" / "platforms.md"
HEAD = ("platform", "what it is", "backup", "version", "paging", "enable at", "end marker")


def table() -> str:
    """Return the table of the page; copy it there after a change of the data."""
    rows = [HEAD, ("---",) * len(HEAD), *(row(each) for each in load_platforms().values())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def row(platform: Platform) -> tuple[str, ...]:
    enable = platform.enable
    marker = next((m for c in platform.backup if (m := platform.end_markers.get(c))), None)
    return (
        f"`{platform.name}`",
        platform.title,
        commands(platform.backup),
        commands(platform.version),
        commands(platform.paging_off),
        f"`{enable.prompt_suffix}`" if enable else "",
        f"`{marker.pattern}`".replace("|", r"\|") if marker else "",
    )


def commands(texts: tuple[str, ...]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def test_the_table_is_that_of_the_data() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"the table should be:\n{table()}"


def test_every_key_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [key for key in Entry.model_fields if f"| `{key}` |" not in text] == []
    for key in ADDED:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{key}` |"))
        assert "adds" in line
