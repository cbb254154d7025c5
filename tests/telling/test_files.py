"""Summaries and metrics: read by what reads them, and whole in any case."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from telling.samples import failed, row, run

from collector.errors import StorageError
from collector.model import Change, Edit, Fault, FaultClass, Phase, Status
from collector.telling.files import write_metrics, write_summary
from collector.telling.ledger import absorb, new_ledger

NASTY = 'r1 "x" \\ {y}\n#|`z`'
EDIT = Edit(
    added=2,
    removed=1,
    sections=("interface Gi1|2",),
    text="--- a/r1.cfg\n+++ b/r1.cfg\n@@ -1 +1 @@\n-```\n+<script>\n",
)


def samples(path: Path) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    families = text_string_to_metric_families(path.read_text())
    return {
        family.name: {tuple(each.labels.items()): each.value for each in family.samples}
        for family in families
        if family.documentation and family.type == "gauge"
    }


def test_metrics_are_read_by_prometheus(tmp_path: Path) -> None:
    ledger, path = new_ledger(), tmp_path / "collector.prom"
    absorb(ledger, run(0, row("r2"), job="facts"))
    absorb(ledger, run(1, row(NASTY, change=Change.NEW), failed("r2"), job='job "x"'))
    write_metrics(path, ledger, [NASTY, "r2", "r3"], {NASTY: 1772348709.25})
    found = samples(path)
    assert found["collector_device_last_good_timestamp_seconds"] == {
        (("device", NASTY),): 1772348709.25,
        (("device", "r2"),): 0,
        (("device", "r3"),): 0,
    }
    assert found["collector_device_status"] == {
        (("device", NASTY), ("status", "ok")): 1,
        (("device", "r2"), ("status", "failed")): 1,
    }
    devices = found["collector_run_devices"]
    assert devices[("job", "facts"), ("status", "ok")] == 1
    assert devices[("job", 'job "x"'), ("status", "failed")] == 1
    assert len(devices) == 2 * len(Status)
    assert found["collector_run_changes"][("job", 'job "x"'), ("change", "new")] == 1
    assert found["collector_run_duration_seconds"][(("job", "facts"),)] == 1.5
    assert found["collector_run_timestamp_seconds"][(("job", "facts"),)] == 1772348400
    assert found["collector_run_exit_status"][(("job", "facts"),)] == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_metrics_of_no_device_are_metrics(tmp_path: Path) -> None:
    write_metrics(tmp_path / "x.prom", new_ledger(), [], {})
    assert set(samples(tmp_path / "x.prom")) >= {"collector_device_status"}


def test_a_summary_in_markdown_is_read_as_it_is(tmp_path: Path) -> None:
    why = Fault(
        fault_class=FaultClass.PROMPT, phase=Phase.LOGIN, message="a|b <b>*x*\n# y", hint="look"
    )
    news = run(
        1,
        row("r1", change=Change.CHANGED, edit=EDIT),
        row("r_2", Status.FAILED, change=Change.FAILED, fault=why),
        row("r3"),
        commit="abc",
    )
    write_summary(tmp_path / "summary.md", news)
    text = (tmp_path / "summary.md").read_text()
    lines = text.splitlines()
    assert lines[0] == "# backup: 2 of 3 devices ok"
    assert "- commit: `abc`" in lines
    assert r"| r\_2 | failed | prompt | a\|b \<b\>\*x\* \# y | look |  |" in lines
    assert r"| r1 | changed | +2 -1 | `interface Gi1\|2` |" in lines
    assert f"````diff\n{EDIT.text}````\n" in text
    assert "r3" not in text
    assert stat.S_IMODE((tmp_path / "summary.md").stat().st_mode) == 0o600


def test_a_summary_in_json_is_what_a_hook_is_told(tmp_path: Path) -> None:
    ledger, path = new_ledger(), tmp_path / "summary.json"
    for number in (0, 1):
        news = run(number, failed("r1", number), row("r2"))
        absorb(ledger, news)
    write_summary(path, news, ledger)
    told = json.loads(path.read_text())
    assert (told["schema"], told["event"], told["run_id"]) == (1, "run_finished", news["run_id"])
    assert [each["name"] for each in told["devices"]] == ["r1"]
    assert told["devices"][0]["since"] == "2026-03-01T07:00:00.000Z"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "kept.md"
    path.write_text("old")
    path.chmod(0o640)
    write_summary(path, run(0, row("r1")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(StorageError, match="could not be written: No such file or directory"):
        write_summary(tmp_path / "absent" / "x.md", run(0))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        write_summary(tmp_path / "folder.json", run(0))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder.json", "kept.md"]
