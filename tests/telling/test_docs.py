"""The examples of docs/telling.md, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.program import ROOT, collector
from telling.samples import failed, row, run
from telling.web import web

from collector.errors import Exit
from collector.lab import Lab, LabDevice
from collector.telling.files import write_metrics
from collector.telling.ledger import absorb, new_ledger
from collector.telling.news import DeviceNews, Input, RunNews

TEXT = (ROOT / "docs/telling.md").read_text()


def block(kind: str) -> str:
    found: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return found[0]


def column(heading: str) -> list[str]:
    """Give the words of the first column of the table that has this heading."""
    (table,) = re.findall(rf"^\| {heading} \|.*?\n\|[-|]+\n(.*?)\n\n", TEXT, re.M | re.S)
    cells = [line.split("|")[1] for line in table.splitlines()]
    return [word for cell in cells for word in re.findall(r"`(\w+)`", cell)]


def place(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o700)


async def test_they_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, "config.yaml", block("yaml"))
    place(tmp_path, "bin/mail-noc", block("python"))
    place(tmp_path, "path/sendmail", '#!/bin/sh\ncat > mail; echo "$@" > words\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setenv("no_proxy", "*")
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe")]) as lab:
        place(
            tmp_path,
            "lab.yaml",
            "defaults: {platform: cisco_iosxe, credential: lab}\n"
            "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
            f"devices:\n  r1: {{host: 127.0.0.1, port: {lab.port('r1')}}}\n"
            "  dead: {host: 127.0.0.1, port: 9}\n",
        )
        with web() as site:
            place(tmp_path, "secrets/chat-url", f"{site.base}/chat\n")
            end = await collector("run", "-i", "lab.yaml", cwd=tmp_path)
            (asked,) = site.asked
    assert end.status == Exit.SOME_FAILED
    assert "hook" not in end.stderr
    assert asked.headers["X-Source"] == "collector"
    assert b'"event": "device_changed"' in asked.body
    mail = (tmp_path / "mail").read_text()
    assert mail.startswith(
        "Subject: backup: device_failed: 1 devices\nTo: noc@example.net\n\ndead: "
    )
    assert (tmp_path / "words").read_text() == "-t\n"
    heading = (tmp_path / "summary.md").read_text().splitlines()[0]
    assert heading in TEXT
    assert (tmp_path / "summary.json").read_text().startswith('{\n  "schema": 1,\n')
    assert "collector_device_status" in (tmp_path / "collector.prom").read_text()


def test_every_name_is_told() -> None:
    assert set(column("key")) == set(Input.__annotations__)
    assert set(column("key of a device")) == set(DeviceNews.__annotations__)
    assert set(Input.__annotations__) == set(RunNews.__annotations__) | {"event"}


def test_every_metric_is_told(tmp_path: Path) -> None:
    ledger, path = new_ledger(), tmp_path / "x.prom"
    absorb(ledger, run(0, row("r1"), failed("r2")))
    write_metrics(path, ledger, ["r1"], {})
    families = list(text_string_to_metric_families(path.read_text()))
    assert [family.name for family in families] == column("metric")
    labels = {family.name: set(family.samples[0].labels) for family in families}
    for line in re.findall(r"^\| `collector_.*$", TEXT, re.M):
        _, name, names, *_ = line.split("|")
        assert labels[name.strip(" `")] == set(re.findall(r"\w+", names))
