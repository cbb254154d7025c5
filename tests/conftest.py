"""What every test stands on: a home of its own, the recordings, and no silent skip.

With ``COLLECTOR_REQUIRE_REAL=1`` (set by ``.ci/run``) a skipped test of the ``real`` layer, or of
the recordings, counts as failed. Refuses to know any room of the collector.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# The same examples in every run of the same tests, so that a change fails by what it does; but one
# file alone plays others, as hypothesis also draws from the constants of all modules loaded.
# COLLECTOR_EXAMPLES=2000 looks for others, and says how many devices are played.
settings.register_profile(
    "same",
    derandomize="COLLECTOR_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.generate],  # a failure is told as it is found
)
settings.load_profile("same")

ROOT = Path(__file__).parent.parent
OURS = (
    "COLLECTOR_REQUIRE_REAL",
    "COLLECTOR_RECORDINGS",
    "COLLECTOR_EXAMPLES",
)  # said to the tests, not to the collector


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's known hosts, keys and COLLECTOR_* settings out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in [*os.environ]:
            if name in {"XDG_CONFIG_HOME", "SSH_AUTH_SOCK"} or (
                name.startswith("COLLECTOR_") and name not in OURS
            ):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _home_of_the_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let no test know the hosts of another: a port is reused by a device with another key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a disk in memory, where there is one: flushing it costs nothing.

    What a killed process leaves is the same on every disk; only a power cut tells them apart.
    """
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="collector-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded device outputs: COLLECTOR_RECORDINGS, or beside the repository."""
    named = os.environ.get("COLLECTOR_RECORDINGS", "../shared/recordings")
    folder = (ROOT / named).resolve()
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; COLLECTOR_RECORDINGS names another folder")
    return folder


@pytest.fixture
def hangup_heard() -> Iterator[None]:
    """Let SIGHUP be heard by this process and those it starts, also when tests run under nohup."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skip as a failure where the layer is required."""
    report = yield
    required = os.environ.get("COLLECTOR_REQUIRE_REAL") == "1" and (
        item.get_closest_marker("real") is not None
        or "recordings" in getattr(item, "fixturenames", ())
    )
    if required and report.skipped and not hasattr(report, "wasxfail"):
        reason = call.excinfo.value if call.excinfo else "skipped"
        report.outcome = "failed"
        report.longrepr = f"required by COLLECTOR_REQUIRE_REAL=1, and skipped: {reason}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests are spread over processes, keep a file's together, and all of the real layer."""
    for item in items:
        real = item.get_closest_marker("real") is not None
        item.add_marker(pytest.mark.xdist_group("real" if real else str(item.path)))
