"""Which files are a device's: by what the runs have said, or else by the template."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.outcomes import STARTED

from collector.backups.ownership import Ownership
from collector.errors import InputError
from collector.store import LastGood


def ownership(
    template: str, paths: set[str], known: Mapping[str, tuple[str, ...]] | None = None
) -> Ownership:
    goods = {
        name: LastGood(at=STARTED, run_id="", platform="linux", files=files)
        for name, files in (known or {}).items()
    }
    return Ownership(known=goods, template=template, paths=paths)


def test_what_a_run_has_said_holds_before_the_template() -> None:
    found = ownership("{name}.cfg", {"x/r1.txt", "r1.cfg"}, {"r1": ("x/r1.txt",)})
    assert found.files("r1") == ("x/r1.txt",)
    assert found.owner("x/r1.txt") == "r1"


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("{name}.cfg", "r1.cfg"),
        ("{group}/{name}.cfg", "ams/r1.cfg"),
        ("{name}/{name}.cfg", "r1/r1.cfg"),
        ("{tag:site}/{platform}/{name}+", "a/b/r1+"),
    ],
)
def test_a_file_that_no_run_knows_is_known_by_its_path(template: str, path: str) -> None:
    found = ownership(template, {path, "ams/r10.cfg", "r10.cfg", "xr1.cfg", "README"})
    assert found.files("r1") == (path,)
    assert found.owner(path) == "r1"
    assert found.owner("README") == "README"


def test_what_may_be_that_of_two_devices_is_nobodys() -> None:
    found = ownership("{group}-{name}.cfg", {"a-b-c.cfg"})
    assert found.files("c") == found.files("b-c") == ()
    assert found.owner("a-b-c.cfg") == "a-b-c.cfg"
    assert found.files("a-b-c.cfg") == ("a-b-c.cfg",)


def test_a_file_that_has_left_is_known_by_the_runs_alone() -> None:
    found = ownership("{name}.cfg", {"r1.cfg"}, {"gone": ("gone.cfg",), "bad": ()})
    assert found.files("gone") == ("gone.cfg",)
    assert found.files("bad") == ()
    assert found.files("moved") == ()
    assert "did you mean 'gone'" in str(found.unknown("gonne"))


def test_a_moved_file_is_found_at_its_new_place() -> None:
    found = ownership("{group}/{name}.cfg", {"ams/r1.cfg"}, {"r1": ("r1.cfg",)})
    assert found.files("r1") == ("ams/r1.cfg",)


def test_which_of_two_is_not_guessed() -> None:
    found = ownership("{group}/{name}.cfg", {"ams/r1.cfg", "fra/r1.cfg"})
    with pytest.raises(InputError, match=r"ams/r1\.cfg, fra/r1\.cfg"):
        found.files("r1")
    several = ownership("{name}/{command}", {"r1/a", "r1/b", "r10/a"})
    assert several.files("r1") == ("r1/a", "r1/b")
