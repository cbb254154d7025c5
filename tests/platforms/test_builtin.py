"""The built-in platforms: all there, each whole, none that changes a device."""

from __future__ import annotations

from pathlib import Path

import pytest
from scrapli import AsyncScrapli

from collector.document import load_document
from collector.platforms import GENERIC, Platform, load_platforms
from collector.platforms import catalogue as catalogue_module

PLATFORMS = load_platforms()
DATA = Path(catalogue_module.__file__).parent / "data"
SHIPPED = (
    *("cisco_iosxe", "cisco_ios", "cisco_nxos", "cisco_iosxr", "arista_eos", "juniper_junos"),
    *("cisco_asa", "nokia_srlinux", "nokia_sros", "nokia_sros_classic", "huawei_vrp"),
    *("hp_comware", "aruba_aoscx", "mikrotik_routeros", "fortinet_fortios", "paloalto_panos"),
    *("vyos", "frr", "linux", "generic"),
)


def named(*, vendors_only: bool = False) -> list[str]:
    return [name for name in PLATFORMS if not (vendors_only and name == GENERIC)]


def test_all_are_shipped() -> None:
    assert set(PLATFORMS) == set(SHIPPED)
    assert len(PLATFORMS) == len(SHIPPED)


@pytest.mark.parametrize("name", named())
def test_what_is_shipped_is_held_to_the_rules_of_a_users_own(name: str) -> None:
    """When the program starts nobody looks at the shipped expressions any more."""
    said = load_document(DATA / f"{name}.yaml").data

    assert load_platforms({name: said})[name].denials


@pytest.mark.parametrize("name", named(vendors_only=True))
def test_each_says_what_a_backup_needs(name: str) -> None:
    platform = PLATFORMS[name]
    assert platform.name == name == platform.lineage[0]
    assert platform.backup
    assert platform.version
    assert platform.title != name
    assert len(platform.denials) > len(PLATFORMS[GENERIC].denials)


def test_generic_claims_nothing() -> None:
    platform = PLATFORMS[GENERIC]
    assert (platform.driver, platform.backup, platform.version) == (None, (), ())
    assert (platform.paging_off, platform.enable, platform.prompt) == ((), None, None)
    assert not platform.end_markers
    assert not platform.pagers


@pytest.mark.parametrize("driver", sorted({p.driver for p in PLATFORMS.values() if p.driver}))
def test_driver_loads(driver: str) -> None:
    connection = AsyncScrapli(
        platform=driver,
        host="127.0.0.1",
        transport="asyncssh",
        auth_username="nobody",
        auth_password="none",
    )
    assert connection.host == "127.0.0.1"


@pytest.mark.parametrize("name", ["cisco_iosxe", "cisco_ios", "arista_eos", "cisco_asa", "frr"])
def test_angle_bracket_needs_enable(name: str) -> None:
    enable = PLATFORMS[name].enable
    assert enable is not None
    assert (enable.command, enable.prompt_suffix) == ("enable", ">")


@pytest.mark.parametrize("name", ["huawei_vrp", "hp_comware", "juniper_junos", "mikrotik_routeros"])
def test_angle_bracket_is_the_ordinary_prompt(name: str) -> None:
    assert PLATFORMS[name].enable is None


@pytest.mark.parametrize("name", named(vendors_only=True))
def test_markers_belong_to_backup_commands_or_their_variants(name: str) -> None:
    platform = PLATFORMS[name]
    for command in platform.end_markers:
        assert command == " ".join(command.split())
    if platform.end_markers and name not in {"vyos"}:  # vyos: the marker is of the other format
        assert set(platform.backup) & set(platform.end_markers)


def test_asked_twice_is_made_once() -> None:
    assert PLATFORMS["cisco_iosxe"] is PLATFORMS["cisco_iosxe"]
    assert isinstance(PLATFORMS["cisco_ios"], Platform)
    assert PLATFORMS["cisco_ios"].lineage == ("cisco_ios", "cisco_iosxe")
    with pytest.raises(KeyError):
        PLATFORMS["cisco_ios_xe"]
