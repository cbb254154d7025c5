"""From an inventory file to devices: how settings merge, and what is refused where."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collector.errors import InputError
from collector.inventory import Inventory, find_inventory, inventory_schema, load_inventory
from collector.model import Device, ProofLevel, Transport

HEAD = "defaults: {platform: cisco_iosxe, credential: lab}\ncredentials: {lab: {username: a}}\n"
PLATFORMS = frozenset({"cisco_iosxe", "arista_eos", "linux"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.yaml"


def load(path: Path, text: str, environ: dict[str, str] | None = None) -> Inventory:
    path.write_text(text, encoding="utf-8")
    return load_inventory(path, known_platforms=PLATFORMS, environ=environ or {})


def devices(path: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, Device]:
    return {device.name: device for device in load(path, text, environ).devices}


def problems(path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """The lines of the refusal, the file's name left out."""
    with pytest.raises(InputError) as caught:
        load(path, text, environ)
    assert all(line.startswith(f"{path}:") for line in caught.value.problems)
    return [line.removeprefix(f"{path}:") for line in caught.value.problems]


LISTED = (
    "defaults: {platform: cisco_iosxe, credential: [tacacs, local]}\n"
    "credentials: {tacacs: {username: a}, local: {username: a}, door: {username: a}}\n"
    "jumps: {edge: {host: e, credential: door}}\n"
)


def test_a_device_may_have_several_credentials(path: Path) -> None:
    found = devices(
        path,
        LISTED + "groups: {old: {credential: [local]}, new: {credential: '${FIRST}'}}\n"
        "devices:\n"
        "  r1: {host: a, jump: edge}\n"
        "  r2: {host: b, groups: [old]}\n"
        "  r3: {host: c, groups: [old], credential: [local, '${FIRST}']}\n"
        "  r4: {host: d, groups: [new]}\n",
        {"FIRST": "tacacs"},
    )
    assert {name: (one.credential, one.fallbacks) for name, one in found.items()} == {
        "r1": ("tacacs", ("local",)),
        "r2": ("local", ()),
        "r3": ("local", ("tacacs",)),
        "r4": ("tacacs", ()),
    }
    assert found["r1"].credentials == ("tacacs", "local", "door")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("[]", "r1.credential: expected text or a list with at least one entry, found an empty"),
        ("[tacacs, tacacs]", "r1.credential: expected each credential once, found a list"),
        ("[tacacs, {a: b}]", "r1.credential[1]: expected text, found a mapping"),
        ("[tacacs, lcal]", "r1.credential[1]: no credential 'lcal'; did you mean 'local'?"),
        ("{name: tacacs}", "r1.credential: expected text or a list with at least one entry, found"),
    ],
)
def test_a_list_of_credentials_that_is_none(path: Path, keys: str, problem: str) -> None:
    (found,) = problems(path, f"{LISTED}devices:\n  r1: {{host: a, credential: {keys}}}\n")
    assert f"devices.{problem}" in found
    assert found.startswith("5:")


def test_a_jump_host_has_one_credential(path: Path) -> None:
    text = LISTED.replace("credential: door", "credential: [door, local]")
    (found,) = problems(path, text + "devices: {r1: {host: a}}\n")
    assert found == (
        "3:37: jumps.edge.credential: expected one name, a jump host has no fall-back, found a list"
    )


def test_the_inventory_of_the_documentation(path: Path) -> None:
    inventory = load(
        path,
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        "credentials:\n"
        '  lab: {username: admin, password: "${P:-admin}", enable: "${LAB_ENABLE:-}"}\n'
        "groups:\n"
        "  ams: {tags: {site: ams}}\n"
        "devices:\n"
        "  r1: {host: 127.0.0.1, port: 2201, groups: [ams], tags: {role: core}}\n",
    )
    assert inventory.devices == (
        Device(
            name="r1",
            host="127.0.0.1",
            platform="cisco_iosxe",
            credential="lab",
            port=2201,
            groups=("ams",),
            tags={"site": "ams", "role": "core"},
        ),
    )
    spec = inventory.credentials["lab"]
    assert (spec.username, spec.password, spec.passphrase) == ("admin", "${P:-admin}", None)
    assert spec.places["enable"] == f"{path}:3:59"
    assert len(inventory.digest) == 64
    assert inventory.source == str(path)


def test_defaults_groups_in_order_and_device_merge(path: Path) -> None:
    text = """
defaults: {platform: linux, credential: lab, tags: {a: d, b: d, c: d, d: d}, timeouts: {login: 1}}
credentials: {lab: {username: a}, other: {username: b}}
groups:
  one: {platform: arista_eos, tags: {b: one, c: one, d: one}, port: 1, timeouts: {command: 2}}
  two: {credential: other, tags: {c: two, d: two}, timeouts: {command: 3, device: 4}, proof: prompt}
devices:
  x: {host: h, groups: [one, two], tags: {d: x}, port: 9}
  y: {host: h, groups: [two, one]}
  z: {host: h}
"""
    found = devices(path, text)
    x, y, z = found["x"], found["y"], found["z"]
    assert dict(x.tags) == {"a": "d", "b": "one", "c": "two", "d": "x"}
    assert dict(y.tags) == {"a": "d", "b": "one", "c": "one", "d": "one"}
    assert dict(x.timeouts) == {"login": 1, "command": 3, "device": 4}
    assert dict(y.timeouts) == {"login": 1, "command": 2, "device": 4}
    assert (x.platform, x.credential, x.port, x.proof) == (
        "arista_eos",
        "other",
        9,
        ProofLevel.PROMPT,
    )
    assert (y.port, y.groups) == (1, ("two", "one"))
    assert (z.platform, dict(z.timeouts), z.groups) == ("linux", {"login": 1}, ())


def test_the_ssh_profile_of_a_device_is_its_own_or_its_groups(path: Path) -> None:
    text = (
        "defaults: {platform: linux, credential: lab, ssh_profile: modern}\n"
        "credentials: {lab: {username: a}}\n"
        "groups: {old: {ssh_profile: legacy}, usual: {ssh_profile: default}}\n"
        "devices:\n  a: {host: h}\n  b: {host: h, groups: [old]}\n"
        "  c: {host: h, groups: [old, usual]}\n"
        "  d: {host: h, groups: [usual], ssh_profile: legacy}\n"
    )
    found = devices(path, text)
    assert [found[name].ssh_profile for name in "abcd"] == ["modern", "legacy", "default", "legacy"]
    without = text.replace(", ssh_profile: modern", "")
    assert devices(path, without)["a"].ssh_profile == "default"


def test_weak_algorithms_are_for_the_devices_that_need_them_and_not_for_all(path: Path) -> None:
    text = HEAD.replace("lab}", "lab, ssh_profile: legacy}", 1) + "devices: {a: {host: h}}"
    (problem,) = problems(path, text)
    assert problem == (
        "1:65: defaults.ssh_profile: legacy is not for all devices: "
        "say it of the device or group in need, found 'legacy'"
    )
    (problem,) = problems(path, HEAD + "devices: {a: {host: h, ssh_profile: antique}}")
    assert "expected modern, default or legacy, found" in problem


def test_the_port_follows_the_transport_unless_given(path: Path) -> None:
    text = (
        HEAD + "groups: {old: {transport: telnet}}\n"
        "devices:\n  a: {host: h}\n  b: {host: h, groups: [old]}\n"
        "  c: {host: h, groups: [old], port: 2323}\n  d: {host: h, groups: [old], transport: ssh}\n"
    )
    found = devices(path, text)
    assert [found[name].port for name in "abcd"] == [22, 23, 2323, 22]
    assert found["b"].transport is Transport.TELNET


def test_tags_are_texts_as_written(path: Path) -> None:
    text = HEAD + "devices: {r: {host: h, tags: {rack: 12, version: 1.10, spare: true, n: 0x1F}}}"
    assert dict(devices(path, text)["r"].tags) == {
        "rack": "12",
        "version": "1.10",
        "spare": "true",
        "n": "0x1F",
    }


def test_secrets_are_texts_as_written(path: Path) -> None:
    text = "credentials: {lab: {username: 7, password: 12345}}\ndevices: {}"
    spec = load(path, text).credentials["lab"]
    assert (spec.username, spec.password) == ("7", "12345")


def test_variables_fill_all_but_secrets(path: Path) -> None:
    text = (
        'credentials: {lab: {username: "${U}", password: "${P}"}}\n'
        'defaults: {platform: "${PLATFORM:-linux}", credential: lab}\n'
        "groups: {ams: {}}\n"
        'devices: {r: {host: "${H}", port: "${PORT:-2200}", groups: ["${G:-ams}"],\n'
        '  tags: {a: "$${H}", b: "${H}"}, timeouts: {login: "${T}"}}}\n'
    )
    inventory = load(path, text, {"H": "10.0.0.1", "T": "1.5"})
    (device,) = inventory.devices
    assert (device.host, device.port, device.platform) == ("10.0.0.1", 2200, "linux")
    assert (dict(device.tags), device.groups) == ({"a": "${H}", "b": "10.0.0.1"}, ("ams",))
    assert dict(device.timeouts) == {"login": 1.5}
    assert inventory.credentials["lab"].password == "${P}"


def test_unset_variables_are_named_with_their_places(path: Path) -> None:
    text = HEAD + 'devices:\n  r: {host: "${H}", tags: {a: "${A}${B}"}}\n'
    assert problems(path, text) == [
        "4:13: devices.r.host: the environment variable H is not set",
        "4:31: devices.r.tags.a: the environment variable A is not set; "
        "the environment variable B is not set",
    ]


@pytest.mark.parametrize(
    ("device", "line"),
    [
        ("{}", "3:16: devices.r: expected a key 'host' here"),
        ("", "3:13: devices.r: expected a key 'host' here"),
        (
            "{host: h, port: 0}",
            "3:32: devices.r.port: expected an integer from 1 to 65535, found 0",
        ),
        ("{host: h, port: 70000}", "found 70000"),
        ("{host: h, port: 22.0}", "expected an integer from 1 to 65535, found 22.0"),
        ("{host: h, port: true}", "found true"),
        ("{host: h, port: 022}", "3:32: devices.r.port: found 022, which is an octal number"),
        ("{host: h, port: 1:30}", "to the base 60"),
        (
            "{host: h, port: }",
            "3:26: devices.r.port: expected an integer from 1 to 65535, found nothing",
        ),
        ("{host: h, prot: 1}", "3:26: devices.r: unknown key 'prot'; did you mean 'port'?"),
        ("{host: h, password: hunter2}", "devices.r: unknown key 'password'"),
        ("{host: h, transport: shh}", "expected ssh or telnet, found 'shh'; did you mean 'ssh'?"),
        ("{host: h, proof: no}", "found no, which is false in YAML 1.1"),
        ("{host: h, groups: ams}", "expected a list, found 'ams'"),
        ("{host: h, groups: [amz]}", "3:35: devices.r.groups[0]: no group 'amz'"),
        (
            "{host: h, platform: cisco_iosex}",
            "no platform 'cisco_iosex'; did you mean 'cisco_iosxe'",
        ),
        (
            "{host: h, credential: lap}",
            "3:38: devices.r.credential: no credential 'lap'; did you mean",
        ),
        (
            "{host: h, timeouts: {login: 0}}",
            "3:44: devices.r.timeouts.login: expected a number above",
        ),
        ("{host: h, timeouts: {run: 1}}", "devices.r.timeouts: unknown key 'run'"),
        ("{host: h, timeouts: {login: .nan}}", "found nan"),
        ("{host: h, tags: {a: [1]}}", "devices.r.tags.a: expected text, found a list"),
        ("{host: h, tags: {a: }}", "devices.r.tags: a"),
        ("[h]", "devices.r: expected a mapping, found a list"),
        ("{host: ''}", "3:23: devices.r.host: expected a host name or an IP address, found ''"),
        ("{host: 7}", "devices.r.host: expected text, found 7"),
    ],
)
def test_a_wrong_device_is_one_line(path: Path, device: str, line: str) -> None:
    if line.endswith(": a"):
        line = "devices.r.tags.a: expected text, found nothing"
    (found,) = problems(path, HEAD + f"devices:   {{r: {device}}}\n")
    assert line in found


HOSTS_REFUSED = [
    "a b",
    "-oProxyCommand=x",
    "10.0.0.1:22",
    "10.0.0.256",
    "10.1",
    "[::1]",
    "a..b",
    "a/b",
    "a\\n",
    "x" * 300,
    "http://a",
    "root@a",
    "a;b",
    "a-",
    ".",
]


@pytest.mark.parametrize("host", HOSTS_REFUSED)
def test_hosts_that_are_none(path: Path, host: str) -> None:
    (line,) = problems(path, HEAD + f'devices: {{r: {{host: "{host}"}}}}')
    assert line.startswith("3:21: devices.r.host: expected a host name or an IP address, found '")


HOSTS_ACCEPTED = [
    "10.0.0.1",
    "::1",
    "fe80::1%eth0",
    "2001:db8::10.0.0.1",
    "r1",
    "r1.ams.example.net.",
    "r_1.x",
    "bücher.example",
    "1and1.example",
    "3com",
]


@pytest.mark.parametrize("host", HOSTS_ACCEPTED)
def test_hosts_that_are(path: Path, host: str) -> None:
    assert devices(path, HEAD + f'devices: {{r: {{host: "{host}"}}}}')["r"].host == host


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\0b", ".hidden", "-r", "a b", "", "r\\n", "é", "..", "*"]
)
def test_unsafe_names_are_refused(path: Path, name: str) -> None:
    for section in ("devices", "groups", "credentials"):
        head = "".join(f"{s}: {{}}\n" for s in ("devices", "groups") if s != section)
        entry = {"devices": "{host: h}", "groups": "{}", "credentials": "{username: u}"}[section]
        lines = problems(path, f'{head}{section}:\n  ok: {entry}\n  "{name}": {entry}\n')
        row = head.count("\n") + 3
        start = f"{row}:3: {section}: expected a name of letters, digits and _"
        assert any(line.startswith(start) for line in lines)


def test_a_name_may_be_long_but_not_too_long(path: Path) -> None:
    good, bad = "n" * 128, "n" * 300
    text = HEAD + f"devices:\n  {good}: {{host: h}}\n"
    assert good in devices(path, text)
    (line,) = problems(path, text + f"  {bad}: {{host: h}}\n")
    assert line.startswith("5:3: devices: expected a name of at most 128 characters, found 300")


def test_names_that_differ_only_in_case_clash(path: Path) -> None:
    text = HEAD + "devices:\n  r1: {host: h}\n  R1: {host: h}\n"
    assert problems(path, text) == ["5:3: devices: 'R1' differs only in case from 'r1' in line 4"]


def test_duplicate_names_are_refused(path: Path) -> None:
    text = HEAD + "devices:\n  r1: {host: h}\n  r1: {host: h}\n"
    assert problems(path, text) == ["5:3: devices: duplicate key 'r1', first in line 4"]


def test_a_platform_and_a_credential_must_come_from_somewhere(path: Path) -> None:
    text = "credentials: {}\ndevices:\n  r: {host: h}\n"
    first, second = problems(path, text)
    assert first.startswith("3:6: devices.r.platform: expected a 'platform', here, in one of")
    assert second.startswith("3:6: devices.r.credential: expected a 'credential', here")


def test_undefined_names_in_shared_keys_are_said_once_each(path: Path) -> None:
    text = "defaults: {platform: x, credential: y}\ngroups: {g: {platform: z}}\ndevices:\n"
    text += "".join(f"  r{number}: {{host: h, groups: [g]}}\n" for number in range(50))
    assert [line.split(": ")[1] for line in problems(path, text)] == [
        "defaults.platform",
        "defaults.credential",
        "groups.g.platform",
    ]


def test_an_undefined_group_is_said_wherever_it_is_used(path: Path) -> None:
    text = HEAD + "devices:\n  a: {host: h, groups: [g]}\n  b: {host: h, groups: [g]}\n"
    assert problems(path, text) == [
        "4:25: devices.a.groups[0]: no group 'g'",
        "5:25: devices.b.groups[0]: no group 'g'",
    ]


def test_all_problems_come_at_once(path: Path) -> None:
    text = (
        "defalts: {}\n"
        "credentials: {lab: {user: a, password: [hunter2]}}\n"
        "devices:\n"
        "  ../x: {host: a b, port: 022}\n"
        '  r1: {host: "${H}", port: many}\n'
        "  R1: {host: no}\n"
    )
    lines = problems(path, text)
    assert [line.split(": ")[0] for line in lines] == [
        "1:1",
        "2:20",
        "2:21",
        "2:40",
        "4:3",
        "4:16",
        "4:27",
        "5:14",
        "5:28",
        "6:3",
        "6:14",
    ]
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "credentials: {lab: hunter2}",
        "credentials: hunter2",
        "credentials: {lab: [hunter2]}",
        "credentials: {lab: {username: a, password: {x: hunter2}}}",
        'credentials: {lab: {username: a, password: "${hunter2-}"}}',
        'credentials: {lab: {username: a, password: "${hunter2"}}',
    ],
)
def test_no_problem_shows_a_secret(path: Path, text: str) -> None:
    assert "hunter2" not in "".join(problems(path, text + "\ndevices: {}\n"))


@pytest.mark.parametrize("text", ["", "devcies: {}", "defaults: {}"])
def test_an_inventory_without_devices_key(path: Path, text: str) -> None:
    assert any("expected a key 'devices' here" in line for line in problems(path, text))


def test_empty_sections_will_do(path: Path) -> None:
    text = "defaults:\ncredentials:\ngroups:\n  g:\ndevices:\n"
    assert load(path, text).devices == ()


def test_any_platform_will_do_where_none_are_known(path: Path) -> None:
    path.write_text(HEAD.replace("cisco_iosxe", "acme") + "devices: {r: {host: h}}")
    assert load_inventory(path, environ={}).devices[0].platform == "acme"


async def test_a_thread_loads_many_whole(path: Path) -> None:
    count = 3000
    rows = "".join(f"  r{n}: {{host: 10.0.{n // 250}.{n % 250}}}\n" for n in range(count))
    inventory = await asyncio.to_thread(load, path, HEAD + "devices:\n" + rows)
    assert [device.name for device in inventory.devices] == [f"r{n}" for n in range(count)]


def test_find_as_given_or_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "lab.yaml").touch()
    assert find_inventory("lab.yaml") == Path("inventory/lab.yaml")
    assert find_inventory("inventory/lab.yaml") == Path("inventory/lab.yaml")
    (tmp_path / "lab.yaml").touch()
    assert find_inventory("lab.yaml") == Path("lab.yaml")
    assert find_inventory(folder / "lab.yaml") == folder / "lab.yaml"
    with pytest.raises(InputError, match=r"no inventory lba.yaml nor inventory/lba.yaml; did you"):
        find_inventory("lba.yaml")
    with pytest.raises(InputError, match="File name too long"):
        find_inventory("n" * 300)
    with pytest.raises(InputError):
        find_inventory("a\0b")


def test_the_schema_is_for_editors() -> None:
    schema: dict[str, Any] = inventory_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["properties"]) == {"defaults", "credentials", "jumps", "groups", "devices"}
    assert schema["additionalProperties"] is False
    device = schema["$defs"]["DeviceKeys"]["properties"]
    assert set(device) == {
        "host",
        "port",
        "platform",
        "credential",
        "transport",
        "groups",
        "tags",
        "timeouts",
        "proof",
        "jump",
        "ssh_profile",
    }
    whole, variable = device["port"]["anyOf"]
    assert whole["maximum"] == 65535
    assert variable["type"] == "string"
