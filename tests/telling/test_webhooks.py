"""Web servers that are told: what they are sent, what they may answer, which are believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from telling.web import Web, self_signed, web

from collector.telling.hooks import Webhook

TEXT = b'{"schema": 1}\n'
TOKEN = "Bearer hunter2-hunter2"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as served:
        yield served


async def call(url: str, *, timeout: float = 20.0) -> str:
    hook = Webhook(events=(), url=url, headers={"Authorization": TOKEN}, timeout=timeout)
    assert "hunter2" not in repr(hook)
    return await hook.call(TEXT)


async def test_it_is_sent_the_event_as_json(site: Web) -> None:
    assert await call(f"{site.base}/x?y=1") == ""
    (asked,) = site.asked
    assert (asked.path, asked.body) == ("/x?y=1", TEXT)
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Authorization"] == TOKEN


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
async def test_any_other_answer_is_a_failure(site: Web, status: int) -> None:
    site.answers["/x"] = status
    assert (await call(f"{site.base}/x")).startswith(f"it answered {status} ")


@pytest.mark.parametrize("status", [307, 308])
async def test_it_is_followed_on_its_own_host(site: Web, status: int) -> None:
    site.answers["/x"] = (status, "/y")
    assert await call(f"{site.base}/x") == ""
    assert [(asked.path, asked.body) for asked in site.asked] == [("/x", TEXT), ("/y", TEXT)]
    assert site.asked[1].headers["Authorization"] == TOKEN


async def test_it_is_not_followed_for_ever(site: Web) -> None:
    for number in range(20):
        site.answers[f"/{number}"] = (307, f"/{number + 1}")
    assert (await call(f"{site.base}/0")).startswith("it answered 307 ")
    assert len(site.asked) == 4


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_what_would_become_a_get_is_not_followed(site: Web, status: int) -> None:
    site.answers["/x"] = (status, "/y")
    assert f"it leads to {site.base} ({status})" in await call(f"{site.base}/x")
    assert [asked.path for asked in site.asked] == ["/x"]


async def test_nothing_is_sent_to_another_host(site: Web) -> None:
    with web() as other:
        site.answers["/x"] = (307, f"{other.base}/y")
        assert f"it leads to {other.base} (307)" in await call(f"{site.base}/x")
        assert other.asked == []


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x"])
async def test_nothing_but_the_web_is_followed(site: Web, place: str) -> None:
    site.answers["/x"] = (307, place)
    assert await call(f"{site.base}/x") != ""
    assert len(site.asked) == 1


async def test_a_certificate_that_nobody_has_signed_is_refused(tmp_path: Path) -> None:
    with web(self_signed(tmp_path / "server.pem")) as site:
        said = await call(f"{site.base}/x")
        assert said.startswith("its certificate is not believed: self")
        assert site.asked == []


async def test_a_certificate_that_the_system_believes_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with web(certificate) as site:
        assert await call(f"{site.base}/x") == ""
        assert len(site.asked) == 1


async def test_one_that_does_not_answer_is_a_line(site: Web) -> None:
    assert await call(f"{site.base}/hang", timeout=0.3) in {
        "it did not answer within 0.3 s",
        "it did not answer in time",
    }


async def test_one_that_is_not_there_is_a_line(site: Web) -> None:
    assert await call("http://127.0.0.1:9/x") == "it cannot be reached: Connection refused"


async def test_no_secret_is_in_what_went_wrong(site: Web) -> None:
    hook = Webhook(events=(), url=f"{site.base}/x", headers={"X-Token": "hunter2\nhunter3"})
    said = await hook.call(TEXT)
    assert said == "its URL, or a header, cannot be sent"
    assert hook.name == site.base
