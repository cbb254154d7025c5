"""config.yaml, environment and flags: who wins, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from collector.errors import InputError
from collector.model import Event, HostKeys, Limits, Redact, Retries, Timeouts, Tolerance
from collector.settings import (
    Backups,
    Job,
    Override,
    Push,
    Settings,
    load_settings,
    settings_schema,
)

SHIPPED = Path(__file__).parent.parent.parent / "config.yaml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def load(
    path: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ or {}, overrides or {})


def problems(path: Path, text: str, *more: Mapping[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(path, text, *more)
    return [line.replace(f"{path}:", "") for line in caught.value.problems]


def test_the_shipped_file_says_the_defaults() -> None:
    shipped = load_settings(SHIPPED, {})
    assert shipped.limits == Limits() == Limits(sessions=500, connecting=25, per_group=0)
    assert shipped.timeouts == Timeouts(connect=15, login=20, command=60, device=300, run=0)
    assert shipped.retries == Retries(attempts=2, backoff=1.0)
    assert shipped.max_failures is None
    assert shipped.host_keys is HostKeys.ACCEPT_NEW
    assert shipped.known_hosts == Path("~/.config/collector/known_hosts").expanduser()
    assert shipped.inventory == SHIPPED.parent / "inventory/lab.yaml"
    assert shipped.output == SHIPPED.parent / "output"
    assert shipped.job == "backup"
    assert dict(shipped.platforms) == {}
    assert dict(shipped.jobs) == {
        "backup": Job(name="backup", commands="backup", backup=True),
        "facts": Job(
            name="facts",
            commands={
                "cisco_iosxe": ("show version", "show inventory"),
                "default": ("show version",),
            },
        ),
    }


def test_the_shipped_file_has_the_keys_of_the_schema() -> None:
    shipped = load_settings(SHIPPED, {})
    assert shipped.document is not None
    schema = settings_schema()
    assert schema["additionalProperties"] is False
    known = schema["properties"]
    assert set(shipped.document.data) == set(known)
    sections = {
        "limits": "Limit",
        "timeouts": "Timeout",
        "retries": "Retry",
        "cluster": "Cluster",
        "backups": "Backup",
        "retention": "Retention",
    }
    for section, name in sections.items():
        keys = schema["$defs"][f"_{name}Keys"]["properties"]
        assert set(shipped.document.data[section]) == set(keys)
    push = schema["$defs"]["_PushKeys"]["properties"]
    assert set(shipped.document.data["backups"]["push"]) == set(push)


def test_without_a_file_there_are_defaults(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}, {}) == Settings()
    assert Settings().inventory == Path("inventory/lab.yaml")


def test_a_file_in_the_working_directory_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("output: there")
    Path("other.yaml").write_text("output: elsewhere")
    assert load_settings(None, {}, {}).output == Path("there")
    assert load_settings(None, {"COLLECTOR_CONFIG": "other.yaml"}).output == Path("elsewhere")
    assert load_settings(Path("config.yaml"), {"COLLECTOR_CONFIG": "x"}).output == Path("there")


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_settings(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("max_failures: 10", {}, Tolerance(most=10)),
        ("max_failures: 2.5%", {}, Tolerance(most=0.025, is_share=True)),
        ("max_failures:", {}, None),
        ("max_failures: 10", {"COLLECTOR_MAX_FAILURES": "0"}, Tolerance(most=0)),
        ("", {"COLLECTOR_MAX_FAILURES": "5%"}, Tolerance(most=0.05, is_share=True)),
    ],
)
def test_failures_are_borne_by_number_or_share(
    path: Path, text: str, environ: Mapping[str, str], expected: Tolerance | None
) -> None:
    assert load(path, text, environ).max_failures == expected


@pytest.mark.parametrize("text", ["", "# nothing", "limits:\njobs:\nplatforms:\nretries: {}"])
def test_empty_sections_are_defaults(path: Path, text: str) -> None:
    assert load(path, text) == Settings()


def test_flag_over_environment_over_file_over_default(path: Path) -> None:
    text = "limits: {sessions: 1, connecting: 1}\ntimeouts: {login: 1}\njob: facts\n"
    text += "jobs: {facts: {commands: [show version]}}"
    environ = {"COLLECTOR_LIMITS_SESSIONS": "2", "COLLECTOR_LIMITS_CONNECTING": "2"}
    overrides = {"limits.sessions": Override(value=3, label="--workers"), "job": None}
    settings = load(path, text, environ, overrides)
    assert settings.limits == Limits(sessions=3, connecting=2)
    assert settings.timeouts == Timeouts(login=1)
    assert settings.job == "facts"
    assert settings.jobs["facts"].commands == ("show version",)


def test_the_environment_sets_every_single_value(path: Path) -> None:
    environ = {
        "COLLECTOR_INVENTORY": "i.yaml",
        "COLLECTOR_OUTPUT": "12",  # a text, whatever it looks like
        "COLLECTOR_HOST_KEYS": "off",
        "COLLECTOR_KNOWN_HOSTS": "~/kh",
        "COLLECTOR_TIMEOUTS_RUN": "1.5",
        "COLLECTOR_RETRIES_ATTEMPTS": "3",
        "COLLECTOR_OUTPUT_LIMIT": "2048",
        "COLLECTOR_JOB": "",  # as if unset
    }
    settings = load(path, "inventory: other", environ)
    assert settings.inventory == Path("i.yaml")
    assert settings.output == Path("12")
    assert settings.host_keys is HostKeys.OFF
    assert settings.known_hosts == Path("~/kh").expanduser()
    assert (settings.timeouts.run, settings.retries.attempts) == (1.5, 3)
    assert (settings.output_limit, settings.job) == (2048, "backup")


def test_paths_of_the_file_start_at_its_folder(path: Path) -> None:
    text = "inventory: i.yaml\noutput: /abs\nknown_hosts: ../kh"
    settings = load(path, text, {}, {"inventory": None})
    assert settings.inventory == path.parent / "i.yaml"
    assert settings.output == Path("/abs")
    assert settings.known_hosts == path.parent / "../kh"
    assert load(path, text, {}, {"inventory": Path("x.yaml")}).inventory == Path("x.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limts: {}", "1:1: unknown key 'limts'; did you mean 'limits'?"),
        (
            "limits: {sessions: many}",
            "1:20: limits.sessions: expected an integer of 1 or more, found 'many'",
        ),
        ("limits: {sesions: 3}", "1:10: limits: unknown key 'sesions'; did you mean 'sessions'?"),
        (
            "limits: {sessions: 0}",
            "1:20: limits.sessions: expected an integer of 1 or more, found 0",
        ),
        ("limits: {sessions: true}", "found true"),
        ("limits: {sessions: 1.5}", "found 1.5"),
        ("limits: {per_group: -1}", "expected an integer of 0 or more, found -1"),
        (
            "max_failures: 5 percent",
            "1:15: max_failures: expected a number of devices, or a share such as 5%, "
            "found '5 percent'",
        ),
        ("max_failures: 101%", "found '101%'"),
        ("max_failures: -1", "found -1"),
        ("max_failures: true", "found true"),
        ("limits: {connects_per_second: -1}", "expected a number of 0 or more, found -1"),
        ("limits: 5", "1:9: limits: expected a mapping, found 5"),
        ("timeouts: {connect: 0}", "expected a number above 0 and up to 604800, found 0"),
        ("timeouts: {run: .inf}", "found inf"),
        ("timeouts: {run: true}", "found true"),
        ("retries: {attempts: 0}", "expected an integer from 1 to 100, found 0"),
        ("host_keys: of", "expected strict, accept-new or off, found 'of'; did you mean 'off'?"),
        ("host_keys: no", "1:12: host_keys: found no, which is false in YAML 1.1"),
        ("suspect_below: 2", "1:16: suspect_below: expected"),
        ("job: bakcup", "1:6: job: no job 'bakcup'; did you mean 'backup'?"),
        ("job: 5", "1:6: job: expected text, found 5"),
        ("inventory: ''", "1:12: inventory: expected text, found ''"),
        ("jobs: {x: {commands: show version}}", "1:22: jobs.x.commands: expected 'backup', a list"),
        (
            "jobs: {x: {commands: []}}",
            "a list with at least one entry or a mapping, found an empty list",
        ),
        ("jobs: {x: {commands: [a, 3]}}", "1:26: jobs.x.commands[1]: expected text, found 3"),
        ("jobs: {x: {commands: [' ']}}", "jobs.x.commands[0]: expected one line of printable text"),
        ('jobs: {x: {commands: ["a\\nb"]}}', "expected one line of printable text, found 'a\\nb'"),
        ("jobs: {x: {commands: {a: b}}}", "jobs.x.commands.a: expected a list"),
        ("jobs: {x: }", "1:8: jobs.x: expected a mapping, found nothing"),
        ("jobs: {x: {}}", "1:11: jobs.x: expected a key 'commands' here"),
        ("platforms: [a]", "1:12: platforms: expected a mapping, found a list"),
        ("output_limit: 1", "expected an integer of 1024 or more, found 1"),
    ],
)
def test_a_wrong_value_is_one_line(path: Path, text: str, line: str) -> None:
    (found,) = problems(path, text)
    assert line in found
    assert "pydantic" not in found


def test_problems_of_file_environment_and_flags_come_at_once(path: Path) -> None:
    text = "limits: {sessions: no, connecting: x}\njob: bakcup\n"
    environ = {"COLLECTOR_TIMEOUTS_LOGIN": "soon", "COLLECTOR_LIMITS_PER_GROUP": "022"}
    overrides = {
        "timeouts.device": Override(value="0", label="--timeout"),
        "retries.atempts": 3,
    }
    assert sorted(problems(path, text, environ, overrides)) == sorted(
        [
            "environment: COLLECTOR_TIMEOUTS_LOGIN: "
            "expected a number above 0 and up to 604800, found 'soon'",
            "environment: COLLECTOR_LIMITS_PER_GROUP: "
            "expected an integer of 0 or more, found '022'",
            "--timeout: expected a number above 0 and up to 604800, found 0",
            "retries.atempts: unknown key 'atempts'; did you mean 'attempts'?",
            "1:20: limits.sessions: found no, which is false in YAML 1.1 and not in YAML 1.2; "
            'quote it ("no"), or write false',
            "1:36: limits.connecting: expected an integer of 1 or more, found 'x'",
            "2:6: job: no job 'bakcup'; did you mean 'backup'?",
        ]
    )


def test_a_job_named_by_a_flag_must_be_there(path: Path) -> None:
    (line,) = problems(path, "", {}, {"job": Override(value="fcats", label="--job")})
    assert line == "--job: no job 'fcats'"


def test_a_section_that_is_no_mapping_is_said_whatever_the_environment(path: Path) -> None:
    (line,) = problems(path, "limits: 5", {"COLLECTOR_LIMITS_SESSIONS": "2"})
    assert line == "1:9: limits: expected a mapping, found 5"


def test_only_near_misses_in_the_environment_are_refused(path: Path) -> None:
    environ = {
        "COLLECTOR_RECORDINGS": "x",
        "COLLECTOR_REQUIRE_REAL": "1",
        "COLLECTOR_CONFIG": "c",
        "LIMITS_SESSIONS": "many",
    }
    assert load(path, "", environ) == Settings()
    (line,) = problems(path, "", {"COLLECTOR_LIMIT_SESSIONS": "3"})
    assert line == (
        "environment: unknown variable COLLECTOR_LIMIT_SESSIONS; "
        "did you mean 'COLLECTOR_LIMITS_SESSIONS'?"
    )


def test_platforms_are_kept_as_written_with_their_places(path: Path) -> None:
    settings = load(path, "platforms:\n  acme: {prompt: '> $', backup: [show run]}\n")
    assert dict(settings.platforms) == {"acme": {"prompt": "> $", "backup": ["show run"]}}
    assert settings.document is not None
    assert str(settings.document.place(("platforms", "acme", "backup"))) == f"{path}:2:33"


def test_off_is_a_word_of_host_keys_and_needs_no_quotes(path: Path) -> None:
    path.write_text("host_keys: off")
    assert load_settings(path, {}).host_keys is HostKeys.OFF


JOB = "jobs: {a: {commands: backup, redact: %s, keep_raw: true}}\n"


@pytest.mark.parametrize("word", ["off", "mask"])
def test_a_job_says_what_is_redacted(path: Path, word: str) -> None:
    job = load(path, JOB % word).jobs["a"]
    assert job == Job(name="a", commands="backup", backup=True, redact=Redact(word), keep_raw=True)
    assert load(path, "").jobs["backup"].redact is Redact.OFF


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("'${KEY}'", "${KEY}"),
        ("{file: key}", {"file": "key"}),
        ("{command: [pass, key]}", {"command": ["pass", "key"]}),
        ("{keyring: {service: s}}", {"keyring": {"service": "s", "username": ""}}),
    ],
)
def test_fingerprints_have_a_key(path: Path, key: str, held: object) -> None:
    text = JOB % "fingerprint" + f"backups: {{fingerprint_key: {key}}}"
    settings = load(path, text)
    assert settings.backups.fingerprint_key == held
    assert "key" not in repr(settings.backups)


def test_what_is_wrong_with_redaction_is_told_with_its_place(path: Path) -> None:
    assert problems(path, JOB % "fingerprint") == [
        "1:38: jobs.a.redact: expected a backups.fingerprint_key for it, found none"
    ]
    assert problems(path, JOB % "masks") == [
        "1:38: jobs.a.redact: expected off, mask or fingerprint, found 'masks'; "
        "did you mean 'mask'?"
    ]
    assert problems(path, "backups: {fingerprint_key: {files: x}}") == [
        "1:29: backups.fingerprint_key: unknown key 'files'; did you mean 'file'?"
    ]


ONE = "  one: {commands: backup, redact: mask}\n"


@pytest.mark.parametrize(
    ("jobs", "line"),
    [
        ("two: {commands: backup}", "3:8: jobs.two.redact: expected the redact of job one"),
        (
            "two: {commands: [show x], backup: true, redact: mask}",
            "3:19: jobs.two.commands: expected the commands of job one, as both write the same",
        ),
    ],
)
def test_jobs_that_would_undo_each_other_are_refused(path: Path, jobs: str, line: str) -> None:
    (problem,) = problems(path, f"jobs:\n{ONE}  {jobs}\n")
    assert problem.startswith(line)


@pytest.mark.parametrize(
    "text",
    [
        f"jobs:\n{ONE}  two: {{commands: backup, backup: false}}\n",
        f"jobs:\n{ONE}  two: {{commands: [show x]}}\n",
        f"jobs:\n{ONE}  two: {{commands: backup}}\nbackups: {{enabled: false}}\n",
        f"jobs:\n{ONE}  two: {{commands: [show x], backup: true, redact: mask}}\n"
        "backups: {path: '{name}/{command}'}\n",
        "jobs:\n  one: {commands: {cisco_iosxe: [show x]}, backup: true}\n"
        "  two: {commands: {arista_eos: [show y]}, backup: true, redact: mask}\n",
    ],
)
def test_jobs_with_histories_that_do_not_meet_are_taken(path: Path, text: str) -> None:
    assert {"one", "two"} <= load(path, text).jobs.keys()


def test_how_backups_are_kept(path: Path) -> None:
    text = "backups: {path: '{group}/{tag:site}/{name}.cfg', push: {remote: origin}}\njobs:\n"
    text += "  a: {commands: backup}\n  b: {commands: backup, backup: false}\n"
    text += "  c: {commands: [show x]}\n  d: {commands: backup, backup: true}\n"
    environ = {
        "COLLECTOR_BACKUPS_ENABLED": "false",
        "COLLECTOR_BACKUPS_AUTHOR": "NOC <noc@example.net>",
        "COLLECTOR_BACKUPS_TIMEOUT": "5",
        "COLLECTOR_BACKUPS_PUSH_BRANCH": "site/ams",
    }
    settings = load(path, text, environ)
    assert settings.backups == Backups(
        enabled=False,
        path="{group}/{tag:site}/{name}.cfg",
        author="NOC <noc@example.net>",
        timeout=5.0,
        push=Push(remote="origin", branch="site/ams"),
    )
    kept = {name for name, job in settings.jobs.items() if job.backup}
    assert kept == {"backup", "a", "d"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path: all.cfg", "expected a path with {name} in it"),
        (
            "path: '{nam}.cfg'",
            "words of {name}, {group}, {platform}, {command}, {tag:KEY}, found '{nam}.cfg'",
        ),
        ("path: '/{name}'", "expected a relative path, none of its parts empty or hidden"),
        ("path: '../{name}'", "expected a relative path"),
        ("path: '.git/{name}'", "expected a relative path"),
        ("path: '{name}/'", "expected a relative path"),
        ("path: '{name'", "expected a path with {name} in it"),
        ("path: '{name}}'", "expected a relative path"),
        ("author: noc", "expected a name and an address"),
        ("push: {remote: --upload-pack=x}", "expected the name of a remote, or a URL"),
        ("push: {remote: 'https://me:pw@example.net/x'}", "expected a URL without a login"),
        ("push: {remote: 'https://token@example.net/x'}", "expected a URL without a login"),
        ("push: {remote: 'ssh://me:pw@example.net/x'}", "expected a URL without a login"),
        ("push: {branch: a..b}", "expected the name of a branch"),
        ("timeout: 0", "timeout: expected"),
        ("enabled: 1", "enabled: expected"),
    ],
)
def test_what_backups_may_not_be(path: Path, text: str, complaint: str) -> None:
    (problem,) = problems(path, f"backups: {{{text}}}\n")
    assert complaint in problem
    assert problem.startswith("1:")
    assert "pw@" not in problem
    assert "token@" not in problem


HOOKS = """
hooks:
- on: [run_finished]
  command: [bin/notify, a]
  environment: [MAIL_TO]
- {on: [device_failed, device_recovered], webhook: "https://x/y", headers: {A: "${B}"}, timeout: 5}
- on: [device_changed]
  webhook: {file: secret}
summary_files: [a.md, b/c.json]
metrics_file: m.prom
"""


def test_who_is_told_of_what(path: Path) -> None:
    settings = load(path, HOOKS)
    program, server, secret = settings.hooks
    assert program.events == {Event.RUN_FINISHED}
    assert (program.command, program.environment) == (("bin/notify", "a"), ("MAIL_TO",))
    assert program.timeout == 30
    assert (server.webhook, dict(server.headers), server.timeout) == (
        "https://x/y",
        {"A": "${B}"},
        5,
    )
    assert secret.webhook == {"file": "secret"}
    assert settings.summary_files == (path.parent / "a.md", path.parent / "b/c.json")
    assert settings.metrics_file == path.parent / "m.prom"
    given = {"summary_files": Override(value=["x.md"], label="--summary-file"), "metrics_file": "y"}
    over = load(path, HOOKS, {}, given)
    assert (over.summary_files, over.metrics_file) == ((Path("x.md"),), Path("y"))
    assert "https" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hooks: {}", "1:8: hooks: expected a list, found an empty mapping"),
        ("hooks: [{on: [], command: [a]}]", "1:14: hooks[0].on: expected a list with at least one"),
        ("hooks: [{on: [run_finishd], command: [a]}]", "did you mean 'run_finished'?"),
        ("hooks: [{on: [run_finished]}]", "1:9: hooks[0]: expected one of command and webhook"),
        ("hooks: [{on: [run_finished], command: a}]", "hooks[0].command: expected a list"),
        (
            "hooks: [{on: [run_finished], command: [a], headers: {A: b}}]",
            "hooks[0]: expected headers beside a webhook only",
        ),
        (
            "hooks: [{on: [run_finished], webhook: 'http://x/', environment: [A]}]",
            "hooks[0]: expected environment beside a command only",
        ),
        (
            "hooks: [{on: [run_finished], webhook: 'http://x/', headers: {A B: c}}]",
            "hooks[0]: expected names of HTTP headers in headers",
        ),
        *(
            (
                f"hooks: [{{on: [run_finished], webhook: '{url}'}}]",
                "1:39: hooks[0].webhook: expected a URL with",
            )
            for url in (
                "ftp://x/hunter2",
                "file:///hunter2",
                "https:///hunter2",
                "hunter2",
                "http://[",
            )
        ),
        (
            "hooks: [{on: [run_finished], webhook: 'http://me:hunter2@x/'}]",
            "expected a URL without a user and a password",
        ),
        ("summary_files: [x.txt]", "1:17: summary_files[0]: expected a file that ends in .md or"),
    ],
)
def test_a_hook_that_makes_no_sense_is_refused(path: Path, text: str, problem: str) -> None:
    (line,) = problems(path, text)
    assert problem in line
    assert "hunter2" not in line


def test_a_summary_that_a_flag_names_is_told_by_the_flag(path: Path) -> None:
    given = {"summary_files": Override(value=["x.txt"], label="--summary-file")}
    assert problems(path, "", {}, given) == [
        "--summary-file: expected a file that ends in .md or .json, found 'x.txt'"
    ]
