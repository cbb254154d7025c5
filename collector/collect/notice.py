"""What is told of a run, and to whom: results become news, settings become hooks.

Owns that nothing of it keeps a run from its work: it begins when manifest and commit are made, and
what goes wrong is a line. After a signal hooks have a few seconds more, and the next run tells the
rest. Somebody's own commands (``-c``) are nobody else's news. Refuses to know how one is told.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.collect.ending import Ending
from collector.collect.plan import Plan
from collector.collect.tally import Tally
from collector.errors import InputError
from collector.log import utc
from collector.model import Change, Edit, Status

if TYPE_CHECKING:
    from collector.credentials import Credentials, CredentialSpec
    from collector.settings import Hook, Settings
    from collector.store import RunEnd, RunWriter
    from collector.telling.hooks import Caller
    from collector.telling.news import DeviceNews, RunNews
    from collector.telling.round import Telling

_Loc = tuple[str | int, ...]
_Text = str | Mapping[str, Any]

TELLING: Final = 10.0  # seconds after a signal; a second one ends all at once


class Notice:
    """The news of one run: `announced` before its manifest is written, `told` after it."""

    def __init__(self, plan: Plan, credentials: Credentials) -> None:
        self._plan = plan
        self._callers = [
            _caller(plan, place, hook, credentials) for place, hook in enumerate(_hooks(plan))
        ]
        self._news: RunNews | None = None
        self._announced = False
        self._problems: list[str] = []

    @property
    def is_wanted(self) -> bool:
        """Whether anybody is told what has changed: a metric has no place for it."""
        return bool(self._callers or self._plan.settings.summary_files)

    @cached_property
    def _telling(self) -> Telling:
        from collector.telling.round import Telling

        settings = self._plan.settings
        return Telling(
            output=settings.output,
            hooks=self._callers,
            summary_files=settings.summary_files,
            metrics_file=None if _is_somebodys(self._plan) else settings.metrics_file,
            names=[device.name for device in self._plan.inventory.devices],
        )

    async def announced(
        self, writer: RunWriter, tally: Tally, end: RunEnd, edits: Mapping[str, Edit]
    ) -> None:
        """Put the news together, and write down that there are some."""
        if not (self.is_wanted or self._telling.is_kept):
            return
        news = await asyncio.to_thread(self._run_news, writer, tally, end, edits)
        problem = await asyncio.to_thread(self._telling.announce, news)
        self._news = news
        self._announced = not problem
        self._problems += [problem] if problem else []

    async def told(self, exit_status: int, ending: Ending) -> list[str]:
        """Write the files and call the hooks; gives a line for all that went wrong."""
        from collector.telling.round import tell

        if self._news is None:
            return []
        self._news["exit_status"] = int(exit_status)
        try:
            async with ending.grace(TELLING):
                self._problems += await tell(self._telling, self._news, announced=self._announced)
        except TimeoutError:
            line = "not everybody was told: the run was ended; the next run does it"
            self._problems.append(line)
        return self._problems

    def _run_news(
        self, writer: RunWriter, tally: Tally, end: RunEnd, edits: Mapping[str, Edit]
    ) -> RunNews:
        from collector.store import read_run
        from collector.telling.news import run_news

        run = read_run(writer.folder)
        head = {
            "run_id": writer.run_id,
            "job": run["job"],
            "started": run["started"],
            "finished": utc(end.finished),
            "duration_s": round(end.duration, 3),
            "state": "interrupted" if end.interrupted else "finished",
            "exit_status": int(end.exit_status),
            "run_folder": str(writer.folder.absolute()),
        }
        changes = None if end.commit is None else {each: tally.changes[each] for each in Change}
        return run_news(
            head,
            self._devices(tally, edits),
            totals={each: tally.totals[each] for each in Status},
            changes=changes,
            commit=end.commit,
        )

    def _devices(self, tally: Tally, edits: Mapping[str, Edit]) -> Iterator[DeviceNews]:
        from collector.telling.news import device_news

        for good in tally.good:
            edit = edits.get(good.device.name)
            yield device_news(good.device, Status.OK, good.started, change=good.change, edit=edit)
        for failure in tally.failures:
            yield device_news(
                failure.device,
                failure.status,
                failure.started,
                change=failure.change,
                fault=failure.first_fault,
                edit=edits.get(failure.device.name),
            )


def hook_specs(plan: Plan) -> Mapping[str, CredentialSpec]:
    """Say where the URLs and headers of webhooks are from, as credentials: those that are secret.

    What is written out in the settings is none, and not to be hidden wherever else it stands.
    """
    return {
        _name(loc): _spec(plan.settings, loc, given)
        for place, hook in enumerate(_hooks(plan))
        for loc, given in _given(place, hook)
        if _is_secret(given)
    }


def _is_somebodys(plan: Plan) -> bool:
    return bool(plan.selection.get("commands"))


def _hooks(plan: Plan) -> tuple[Hook, ...]:
    return () if _is_somebodys(plan) else plan.settings.hooks


def _caller(plan: Plan, place: int, hook: Hook, credentials: Credentials) -> Caller:
    from collector.settings import url_problem
    from collector.telling.hooks import HARMLESS, Program, Webhook

    if hook.command:
        handed = (*HARMLESS, *hook.environment)
        return Program(
            events=hook.events,
            command=hook.command,
            folder=_folder(plan.settings),
            environment={name: os.environ[name] for name in handed if name in os.environ},
            timeout=hook.timeout,
        )
    values = {
        loc: (credentials.get(_name(loc)).password or "") if _is_secret(given) else _plain(given)
        for loc, given in _given(place, hook)
    }
    url = values.pop(("hooks", place, "webhook"))
    if problem := url_problem(url):
        raise InputError(f"hooks[{place}].webhook: {problem}")
    headers = {str(loc[-1]): value for loc, value in values.items()}
    return Webhook(events=hook.events, url=url, headers=headers, timeout=hook.timeout)


def _given(place: int, hook: Hook) -> Iterator[tuple[_Loc, _Text]]:
    """Give what a webhook is made of: the place in the settings, and what is written there."""
    if hook.webhook is not None:
        yield ("hooks", place, "webhook"), hook.webhook
    for header, given in hook.headers.items():
        if given is not None:
            yield ("hooks", place, "headers", header), given


def _is_secret(given: _Text) -> bool:
    from collector.credentials import is_template

    return not isinstance(given, str) or is_template(given)


def _plain(given: _Text) -> str:
    from collector.credentials import expand

    return expand(str(given), {})  # `$$` is a dollar


def _name(loc: _Loc) -> str:
    """Name it as a credential; with a blank in it, as no credential of an inventory is called."""
    return " ".join(map(str, loc))


def _spec(settings: Settings, loc: _Loc, given: _Text) -> CredentialSpec:
    from collector.credentials import CredentialSpec, source_of
    from collector.document import dotted

    document = settings.document
    place = str(document.place(loc)) if document else ""
    return CredentialSpec(
        name=_name(loc),
        title=dotted(loc),
        username="collector",
        password=given if isinstance(given, str) else source_of(given),
        places={"password": place} if place else {},
        folder=_folder(settings),
    )


def _folder(settings: Settings) -> Path:
    return Path(settings.document.name).parent if settings.document else Path()
