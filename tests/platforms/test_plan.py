"""What a job means on a platform."""

from __future__ import annotations

import pytest

from collector.platforms import load_platforms, plan

PLATFORMS = load_platforms()


def test_backup_is_the_configuration_then_the_version() -> None:
    assert plan("backup", PLATFORMS["cisco_iosxe"]) == ("show running-config", "show version")
    assert plan("backup", PLATFORMS["generic"]) == ()


def test_a_list_is_for_every_platform() -> None:
    assert plan(("a", "b"), PLATFORMS["frr"]) == ("a", "b")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("cisco_nxos", "n"), ("cisco_iosxe", "x"), ("cisco_ios", "x"), ("frr", "d")],
)
def test_a_mapping_goes_by_name_then_by_what_is_extended(platform: str, expected: str) -> None:
    commands = {"cisco_iosxe": ("x",), "cisco_nxos": ("n",), "default": ("d",)}
    assert plan(commands, PLATFORMS[platform]) == (expected,)


def test_a_mapping_without_default_leaves_the_others_out() -> None:
    assert plan({"frr": ("x",)}, PLATFORMS["cisco_ios"]) == ()


def test_another_word_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'restore'"):
        plan("restore", PLATFORMS["frr"])  # type: ignore[arg-type]  # a caller without types
