"""Sources of secrets as an inventory writes them: those that are good, and the line for others."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.credentials import Command, CredentialSpec, File, Keyring, Prompt
from collector.errors import InputError
from collector.inventory import load_inventory


def load(folder: Path, fields: str) -> CredentialSpec:
    path = folder / "lab.yaml"
    path.write_text(
        f"credentials:\n  c: {{username: admin, {fields}}}\n"
        "devices: {r1: {host: r1, platform: linux, credential: c, tags: {agent: 7}}}\n"
    )
    return load_inventory(path, environ={}).credentials["c"]


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("{file: '${D}/x'}", File(path="${D}/x")),
        ("{command: [pass, 22, 1.10, '${x']}", Command(argv=("pass", "22", "1.10", "${x"))),
        ("{keyring: {service: net}}", Keyring(service="net")),
        ("{keyring: {service: net, username: 7}}", Keyring(service="net", username="7")),
        ("{prompt: true}", Prompt()),
    ],
)
@pytest.mark.parametrize("field", ["password", "enable", "passphrase"])
def test_a_source_is_kept_as_it_is_written(
    tmp_path: Path, field: str, written: str, source: object
) -> None:
    spec = load(tmp_path, f"{field}: {written}")
    assert (spec.source(field), spec.template(field)) == (source, None)
    assert spec.folder == tmp_path


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("password: {fil: x}", "unknown key 'fil'; did you mean 'file'?"),
        ("password: {}", "expected one of file, command, keyring and prompt: true"),
        ("password: {prompt: false}", "expected one of file, command, keyring and prompt: true"),
        ("password: {file: x, prompt: true}", "expected one of file, command, keyring and prompt"),
        ("password: {prompt: hunter2}", "expected true or false or nothing, found text"),
        ("password: {command: pass hunter2}", "expected a list"),
        ("password: {command: []}", "with at least one entry"),
        ("password: {command: [[hunter2]]}", "expected text, found a list"),
        ("password: {keyring: hunter2}", "found text"),
        ("password: {keyring: {username: hunter2}}", "expected a key 'service' here"),
        ("password: {file: '${hunter2'}", "expected a '}' after '${'"),
        ("password: [hunter2]", "expected text, a mapping or nothing, found a list"),
        ("private_key: {file: hunter2}", "expected text or nothing, found a mapping"),
        ("agent: hunter2", "expected true or false, found text"),
    ],
)
def test_what_is_no_source_is_told_with_its_place(tmp_path: Path, fields: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, fields)
    (line, *_) = caught.value.problems
    assert line.startswith(f"{tmp_path}/lab.yaml:2:")
    assert says in line
    assert "hunter2" not in line.replace(says, "")


def test_the_agent_is_used_only_where_asked_for(tmp_path: Path) -> None:
    assert not load(tmp_path, "password: x").agent
    assert load(tmp_path, "agent: true").agent
