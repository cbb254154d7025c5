"""Moving in: what Oxidized and RANCID had is listed and kept, and its history goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.backups import backed_up, git, subjects
from support.program import collector

from collector import platforms
from collector.cli import main
from collector.errors import Exit
from collector.inventory import load_inventory
from collector.inventory.foreign import models
from collector.lab import Lab
from collector.model import Change, Transport

Said = pytest.CaptureFixture[str]

CONFIG = """---
username: admin
password: s3cret-of-all
model: junos
prompt: !ruby/regexp /^([\\w.@-]+[#>]\\s?)$/
vars: {enable: s3cret-enable}
groups:
  edge: {username: "edge", password: s3cret-of-edge}
model_map: {cisco: ios}
input: {default: "ssh, telnet", ssh: {secure: false}}
output:
  default: git
  git: {user: Oxidized, email: o@example.net, repo: /home/oxidized/devices.git, single_repo: true}
source:
  default: csv
  csv:
    file: /home/oxidized/.config/oxidized/router.db
    delimiter: !ruby/regexp /:/
    map: {name: 0, ip: 1, model: 2, group: 3, input: 4}
    vars_map: {ssh_port: 5}
"""
ROUTER_DB = """# name:ip:model:group:input:port
r1:127.0.0.1:cisco:core::2201
r2:127.0.0.2:eos:edge:telnet
r3:192.0.2.3::nil
odd:192.0.2.4:acmeos
bad name:192.0.2.5:ios
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def committed(folder: Path, subject: str, **files: str) -> None:
    """Commit files as another collector would; in a name ``__`` stands for a slash."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = ("-c", "user.name=Oxidized", "-c", "user.email=o@example.net")
    for words in (("init", "-q", "-b", "master"), ("add", "."), ("commit", "-qm", subject)):
        subprocess.run(["git", "-C", str(folder), *who, *words], check=True)


def bare(folder: Path, to: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--bare", str(folder), str(to)], check=True)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Make Oxidized's folder, with two commits in a bare repository."""
    place, work = tmp_path / "oxidized", tmp_path / "work"
    place.mkdir()
    committed(work, "update r1", core__r1="one\n", edge__r2="two\n", gone="left\n")
    committed(work, "update core/r1", core__r1="one, again\n")
    bare(work, place / "devices.git")
    (place / "config").write_text(CONFIG)
    (place / "router.db").write_text(ROUTER_DB)
    return place


async def run_main(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_what_oxidized_knows_becomes_an_inventory_without_secrets(
    theirs: Path, capfd: Said
) -> None:
    assert await run_main("import", "oxidized", str(theirs)) == Exit.OK

    out, err = capfd.readouterr()
    assert out.splitlines() == [
        "output/configs: 2 files, 1 other as they were, with 2 commits before them",
        "inventory/oxidized.yaml: 4 devices",
        "set: OXIDIZED_PASSWORD OXIDIZED_ENABLE OXIDIZED_2_PASSWORD OXIDIZED_2_ENABLE",
    ]
    assert err.splitlines() == [
        "collector: bad name: left out: no usable name or host",
        "collector: model acmeos: not known: 1 device as generic",
    ]
    path = Path("inventory/oxidized.yaml")
    assert "s3cret" not in path.read_text()
    inventory = load_inventory(path)
    told = {
        each.name: (each.host, each.platform, each.groups, each.port, each.credential)
        for each in inventory.devices
    }
    assert told == {
        "r1": ("127.0.0.1", "cisco_ios", ("core",), 2201, "oxidized"),
        "r2": ("127.0.0.2", "arista_eos", ("edge",), 23, "oxidized-2"),
        "r3": ("192.0.2.3", "juniper_junos", (), 22, "oxidized"),
        "odd": ("192.0.2.4", "generic", (), 22, "oxidized"),
    }
    assert inventory.devices[1].transport is Transport.TELNET


async def test_the_history_goes_on(theirs: Path) -> None:
    """Also where an import was killed before it."""
    Path("output/.import-killed/configs").mkdir(parents=True)
    Path("config.yaml").write_text("backups: {path: '{group}/{name}.cfg'}\n")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    assert await run_main("import", "oxidized", str(theirs)) == Exit.OK

    output = Path("output")
    assert subjects(output) == ["Import: 2 files of oxidized", "update core/r1", "update r1"]
    files = git(output, "ls-files").splitlines()
    assert files == ["core/r1.cfg", "edge/r2.cfg", "gone"]
    followed = git(output, "log", "--follow", "--format=%s", "--", "core/r1.cfg").splitlines()
    assert followed == ["Import: 2 files of oxidized", "update core/r1", "update r1"]
    assert (output / "configs/core/r1.cfg").read_text() == "one, again\n"
    assert git(output, "status", "--porcelain") == ""
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before
    assert [path.name for path in output.iterdir() if path.name.startswith(".import")] == []


async def test_a_run_after_it_finds_what_has_changed(lab: Lab, theirs: Path) -> None:
    same = lab.text("r1", "show running-config")
    work = theirs.parent / "work"
    committed(work, "newest", core__r1=same, edge__r2="an older one\n")
    (theirs / "devices.git").rename(theirs / "devices.old")
    bare(work, theirs / "devices.git")
    assert await run_main("import", "oxidized", str(theirs)) == Exit.OK

    end = await collector("run", "-i", "lab.yaml", "-l", "r1,r2", "-q", cwd=Path.cwd())
    assert (end.status, end.stderr) == (Exit.OK, "")
    output = Path("output")
    assert subjects(output)[:3] == ["Backup: 1 changed", "Import: 2 files of oxidized", "newest"]
    changes, _ = await backed_up(output, {"r1": same, "r3": "x\n"}, run="later")
    assert changes == {"r1": Change.UNCHANGED, "r3": Change.NEW}


@pytest.mark.parametrize("what", ["inventory", "configs"])
async def test_nothing_is_overwritten(theirs: Path, what: str, capfd: Said) -> None:
    place = Path("inventory/oxidized.yaml" if what == "inventory" else "output/configs/mine.txt")
    place.parent.mkdir(parents=True)
    place.write_text("mine\n")

    assert await run_main("import", "oxidized", str(theirs)) == Exit.USAGE

    assert capfd.readouterr().err.count("\n") == 1
    assert place.read_text() == "mine\n"
    others = [Path("output/configs/.git"), Path("inventory/oxidized.yaml")]
    assert [path for path in others if path.exists() and path != place] == []


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("source: {default: http}", "expected csv, jsonfile, sql"),
        ("source: {default: csv, csv: {gpg: true}}", "expected a list in clear"),
        ("source: {default: jsonfile, jsonfile: {file: config}}", "expected JSON"),
        (
            "source: {default: jsonfile, jsonfile: {file: list.json, hosts_location: a.b}}",
            "list of",
        ),
        ("source: {default: sql, sql: {adapter: mysql2}}", "expected sqlite"),
        ("source: {default: sql, sql: {database: list.json, table: t}}", "not a database"),
        ("source: {default: sql, sql: {database: nowhere.db, table: t}}", "nowhere.db"),
        ("source: {default: sql, sql: {database: nowhere.db, table: 't; x'}}", "name of a table"),
        ("source: {csv: {delimiter: '('}}", "source.csv.delimiter"),
        ("- a list", "config"),
        ("source: {csv: {file: nowhere.db}}", "nowhere.db"),
    ],
)
async def test_what_cannot_be_read_is_told_in_a_line(
    theirs: Path, broken: str, says: str, capfd: Said
) -> None:
    (theirs / "config").write_text(broken)
    (theirs / "list.json").write_text('{"a": {"c": 1}}')
    assert await run_main("import", "oxidized", str(theirs)) == Exit.USAGE
    err = capfd.readouterr().err
    assert err.startswith("collector: ")
    assert err.count("\n") == 1
    assert says in err
    assert not Path("inventory").exists()


NODES: list[dict[str, Any]] = [
    {"at": {"ip": ["127.0.0.1"]}, "name": "r1", "os": "cisco", "site": "core", "port": 2201},
    {"at": {"ip": ["127.0.0.2"]}, "name": "r2", "os": "eos", "who": "edge", "secret": "s3cret"},
    {"at": {"ip": []}, "name": "r3", "os": "nil", "site": None},
    {},
    {"os": "ios"},
]
MAPS = (
    "map: {name: name, ip: %s, model: os, group: site, username: who, password: secret}\n"
    "    vars_map: {ssh_port: port}\n"
)


def listed(folder: Path, kind: str) -> None:
    """Write the nodes as such a source has them, and a configuration that names it."""
    settings = {
        "jsonfile": "file: /elsewhere/nodes.json\n    hosts_location: data.nodes\n",
        "sql": "adapter: sqlite\n    database: nodes.db\n    table: nodes\n",
        "query": "adapter: sqlite\n    database: nodes.db\n    query: SELECT * FROM nodes\n",
    }
    source = kind.replace("query", "sql")
    maps = MAPS % ("'at.ip[0]'" if kind == "jsonfile" else "ip")
    (folder / "config").write_text(
        "username: collect\npassword: s3cret-of-all\nmodel: junos\nmodel_map: {cisco: ios}\n"
        f"source:\n  default: {source}\n  {source}:\n    {settings[kind]}    {maps}"
    )
    (folder / "nodes.json").write_text(json.dumps({"data": {"nodes": NODES}}))
    with closing(sqlite3.connect(folder / "nodes.db")) as database:
        database.execute("CREATE TABLE nodes (name, ip, os, site, who, secret, port)")
        for node in filter(None, NODES):
            ip = (node.get("at", {}).get("ip") or [None])[0]
            cells = [node.get(key) for key in ("name", "os", "site", "who", "secret", "port")]
            row = (cells[0], ip, *cells[1:])
            database.execute("INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        database.commit()


@pytest.mark.parametrize("kind", ["jsonfile", "sql", "query"])
async def test_other_lists_of_oxidized(tmp_path: Path, kind: str, capfd: Said) -> None:
    listed(tmp_path, kind)
    before = (tmp_path / "nodes.db").read_bytes()

    assert await run_main("import", "oxidized", ".", "--no-history") == Exit.OK

    out, err = capfd.readouterr()
    assert out.splitlines() == [
        "inventory/oxidized.yaml: 3 devices",
        "set: OXIDIZED_PASSWORD OXIDIZED_2_PASSWORD",
    ]
    assert err.count("\n") == 1
    assert err.endswith("not read: expected name and model\n")
    path = Path("inventory/oxidized.yaml")
    assert "s3cret" not in path.read_text()
    inventory = load_inventory(path)
    assert [
        (each.name, each.host, each.platform, each.groups, each.port, each.credential)
        for each in inventory.devices
    ] == [
        ("r1", "127.0.0.1", "cisco_ios", ("core",), 2201, "oxidized"),
        ("r2", "127.0.0.2", "arista_eos", (), 22, "oxidized-2"),
        ("r3", "r3", "juniper_junos", (), 22, "oxidized"),
    ]
    assert inventory.credentials["oxidized-2"].username == "edge"
    assert (tmp_path / "nodes.db").read_bytes() == before


async def test_a_query_of_oxidized_changes_nothing(tmp_path: Path, capfd: Said) -> None:
    listed(tmp_path, "query")
    config = (tmp_path / "config").read_text()
    (tmp_path / "config").write_text(config.replace("SELECT * FROM nodes", "DELETE FROM nodes"))
    before = (tmp_path / "nodes.db").read_bytes()
    assert await run_main("import", "oxidized", ".") == Exit.USAGE
    assert "readonly" in capfd.readouterr().err
    assert (tmp_path / "nodes.db").read_bytes() == before


CLOGINRC = r"""# who logs in
add user r1 {netops}
add user r2.* {edge\ user}
add user * backup
add password r2.* {s3cret\}2} {s3cret enable}
add autoenable r3 1
add password * {s3cret} {s3cret-enable}
add method r1 {ssh:2201} {telnet}
add method r2.* {rsh} {telnet}
add sshcmd * {ssh}
add user * $env(USER)
include {others}
"""


@pytest.mark.parametrize("place", ["", "ams", "elsewhere"])
async def test_logins_of_rancid(tmp_path: Path, place: str, capfd: Said) -> None:
    group = tmp_path / "rancid" / "ams"
    (group / "configs").mkdir(parents=True)
    (group / "router.db").write_text("R1;cisco;up\nr2.net;juniper;up\nr3;arista;up\n")
    (tmp_path / "elsewhere").mkdir()
    file = (tmp_path if place == "elsewhere" else tmp_path / "rancid") / place / ".cloginrc"
    file.write_text(CLOGINRC)
    given = ["--cloginrc", str(file)] if place == "elsewhere" else []

    words = ("import", "rancid", str(group), "--no-history", *given)
    assert await run_main(*words) == Exit.OK

    out, err = capfd.readouterr()
    assert out.splitlines() == [
        "inventory/rancid.yaml: 3 devices",
        "set: RANCID_PASSWORD RANCID_ENABLE RANCID_2_PASSWORD RANCID_2_ENABLE RANCID_3_PASSWORD",
    ]
    assert err.splitlines() == [
        f"collector: {file}:11: not read: expected words alone: add, what, for whom",
        f"collector: {file}:12: not followed: include; its logins are not known",
    ]
    assert "s3cret" not in Path("inventory/rancid.yaml").read_text() + out + err
    inventory = load_inventory("inventory/rancid.yaml")
    assert [
        (each.name, each.transport, each.port, inventory.credentials[each.credential].username)
        for each in inventory.devices
    ] == [
        ("r1", Transport.SSH, 2201, "netops"),
        ("r2.net", Transport.TELNET, 23, "edge user"),
        ("r3", Transport.SSH, 22, "backup"),
    ]


@pytest.mark.parametrize("kept_in", ["git", "cvs"])
async def test_rancid(tmp_path: Path, kept_in: str, capfd: Said) -> None:
    base = tmp_path / "rancid"
    for group, lines in {
        "ams": "R1;cisco;up\nr2;acme;down;old\n",
        "fra": "r3:juniper:up\n",
    }.items():
        folder = base / group
        (folder / "configs").mkdir(parents=True)
        (folder / "router.db").write_text(lines)
        for name in {"ams": ("r1", "r2"), "fra": ("r3",)}[group]:
            (folder / "configs" / name).write_text(f"! {name}\n")
        if kept_in == "git":
            committed(folder, f"{group} updates")

    assert await run_main("import", "rancid", str(base), "-i", "new.yaml") == Exit.OK

    out, err = capfd.readouterr()
    assert out.splitlines()[1:] == ["new.yaml: 2 devices", "set: RANCID_USERNAME RANCID_PASSWORD"]
    assert err == "collector: model acme: not known: 1 device as generic\n"
    found = {each.name: (each.platform, each.groups) for each in load_inventory("new.yaml").devices}
    assert found == {"r1": ("cisco_ios", ("ams",)), "r3": ("juniper_junos", ("fra",))}
    output = Path("output")
    files = set(git(output, "ls-files").splitlines())
    assert files >= {"r1.cfg", "r2.cfg", "r3.cfg"}
    before = {"ams updates", "fra updates"} if kept_in == "git" else set()
    assert set(subjects(output)) == {"Import: 3 files of rancid", *before}


def test_every_model_is_a_platform_that_there_is() -> None:
    known = {path.stem for path in Path(platforms.__file__).parent.glob("data/*.yaml")}
    for other in ("oxidized", "rancid"):
        assert models(other)
        assert set(models(other).values()) <= known
