"""What a script imports: all of it there, quick to import, and used as docs/api.md says."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.program import ROOT

import collector
from collector.lab import Lab, LabDevice

# pydantic is not among them: typer itself asks for it as soon as an option has a value.
SLOW = ("asyncssh", "scrapli", "yaml", "aiofiles", "tqdm", "rich")
IMPORT = re.compile(r"^from collector import (.*)$", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", collector.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(collector, name) is not None
    assert name in dir(collector)


def test_each_public_name_stands_once() -> None:
    assert len(collector.__all__) == len(set(collector.__all__))


def test_the_documentation_promises_what_is_public() -> None:
    imported = IMPORT.findall(read(ROOT / "docs/api.md"))
    promised = {name.strip() for names in imported for name in names.split(",")}

    assert {"collect", "repeat", "Verification"} <= promised <= set(collector.__all__)


def test_what_the_command_line_does_a_script_can_do() -> None:
    """With the protocols of what it may hand in, and the shapes of what it reads."""
    needed = {"run", "resume", "repeat", "find_run", "Verification"}
    shapes = {"Connector", "Session", "DeviceError", "Manifest", "DeviceRow"}

    assert needed | shapes <= set(collector.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        getattr(collector, "nonsense")  # noqa: B009 - mypy knows that it is not there


def python(code: str) -> str:
    """Run code in an interpreter of its own; give what it printed."""
    command = (sys.executable, "-W", "error", "-c", code)
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "first",
    [
        "import collector.collect.plan",
        "import collector.collect; collector.collect",
        "from collector.collect.run import execute",
        "from collector import run",
        "from collector.collect import collect",
    ],
)
def test_collect_is_the_function_whatever_is_imported_first(first: str) -> None:
    code = (
        f"{first}\nimport collector; from collector import collect\nfrom inspect import *\n"
        "print(isasyncgenfunction(collect), collector.collect is collect)"
    )
    assert python(code) == "True True\n"


def test_a_module_of_the_room_named_as_the_function_can_be_imported() -> None:
    code = "import collector.collect.plan; from collector.collect.plan import Plan; print(Plan)"
    assert python(code) == "<class 'collector.collect.plan.Plan'>\n"


@pytest.mark.parametrize(
    "code",
    [
        "import collector",
        "from collector.cli import main; main(['run', '--help'])",
        "from collector.cli import main; main(['--version'])",
    ],
)
def test_what_is_slow_to_import_is_imported_when_it_is_needed(code: str) -> None:
    loaded = python(f"{code}\nimport sys; print('loaded:', *sys.modules)").split("loaded:")[1]

    assert not set(SLOW) & set(loaded.split())


async def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    device = LabDevice(name="r1", platform="cisco_iosxe")
    async with Lab([device]) as lab:
        prepare(tmp_path, lab.port("r1"))
        examples = BLOCK.findall(read(ROOT / "docs/api.md"))
        whole = [example for example in examples if IMPORT.search(example)]
        said = [await run(example, tmp_path) for example in whole]

    size = len(lab.text("r1", "show version"))
    assert len(whole) == 5
    assert said[0] == f"r1 {size} bytes\n"
    assert said[1].startswith("OK {<Status.OK: 'ok'>: 1,")
    assert said[2] == "0 to be repeated\n"
    assert said[3] == "1 outputs: good\n"
    assert said[4] == "r1 modern\n"
    assert read(tmp_path / "output/runs/latest/devices/r1/show_version.txt")


def prepare(folder: Path, port: int) -> None:
    """Write an inventory of one device."""
    (folder / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
        f"devices: {{r1: {{host: 127.0.0.1, port: {port}, tags: {{site: ams}}}}}}\n"
    )


def read(path: Path) -> str:
    """Read a file."""
    return path.read_text()


async def run(code: str, folder: Path) -> str:
    """Run a script as a person would; give what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", code),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
    )
    stdout, _ = await process.communicate()
    assert process.returncode == 0
    return stdout.decode()
