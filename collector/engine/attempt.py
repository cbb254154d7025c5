"""One attempt at one device or jump host: open, ask each command, close, all of it within limits.

Owns what happens to a session between its opening and its closing, and that every end of an attempt
becomes a result: a limit, a cancellation, a bug. Refuses to know why an attempt is made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace

from collector.engine.approach import Approach
from collector.engine.crew import Lost
from collector.engine.deadline import Deadline
from collector.engine.session import Connector, JumpConnector, Session
from collector.engine.visit import Visit, limits_of
from collector.errors import DeviceError
from collector.log import bound
from collector.model import Fault, FaultClass, Phase, Timeouts

logger = logging.getLogger(__name__)

# A connector and a session keep the limits they are given and know best what was late; these
# seconds more are for the one that does not.
OPEN_GRACE = 1.0
COMMAND_GRACE = 2.0
# All that a last look may take: a session's own limit is three seconds, and this is one more.
LAST_LOOK_GRACE = 4.0
CLOSE = 2.0


async def guarded(
    visit: Visit,
    approach: Approach,
    work: Coroutine[object, object, None],
    cut: Callable[[], Fault | None],
) -> bool:
    """Do the work of an attempt; tell whether it has to stand in line again, for others' sake.

    Whatever becomes of it is in ``visit``, bugs too; only a cancellation that is for others is
    raised. ``cut`` gives why this one is, where it is for the visit.
    """
    visit.set_out()
    try:
        async with approach:
            await work
        return approach.withheld
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if fault := cut():
            visit.cancel(replace(fault, phase=visit.phase))
        elif task is not None and task.cancelling():
            raise
        else:  # nobody has asked for it
            _fail_by_bug(visit, approach, error)
    except Exception as error:  # noqa: BLE001  a bug becomes a result here
        _fail_by_bug(visit, approach, error)
    finally:
        visit.turn_home()
    return False


async def attempt(
    visit: Visit, connector: Connector, timeouts: Timeouts, approach: Approach
) -> None:
    """Make one attempt; how it ended is in ``visit``. Only a cancellation is raised, and bugs.

    An attempt that ended before its credential was sent, for others' sake, is none.
    """
    limits = limits_of(visit.device, timeouts)
    session: Session | None = None
    visit.begin()
    left = max(0.0, limits.device - visit.spent)
    try:
        try:
            async with Deadline(left) as whole:
                approach.deadlines.append(whole)
                session = await _open(visit, connector, replace(limits, device=left), approach)
                await _ask(visit, session, limits)
        except DeviceError as error:
            visit.fail(error.fault, error.evidence)
        except TimeoutError:
            visit.fail(_late(visit.phase, f"the device's limit of {limits.device:g} s is over"))
        if session is not None:
            await _look_back(visit, session)
    finally:
        visit.turn_home()
        if session is not None:
            await _close(session)
        if approach.withheld:
            visit.withdraw()
        else:
            visit.end()


async def open_jump(
    visit: Visit, connector: Connector, timeouts: Timeouts, approach: Approach
) -> None:
    """Make one attempt to open a jump host, as at a device of which nothing is asked."""
    assert visit.opens is not None  # or there would be no such visit
    assert isinstance(connector, JumpConnector)
    visit.begin()
    try:
        seconds = timeouts.connect + timeouts.login
        async with Deadline(seconds + OPEN_GRACE) as opening:
            approach.deadlines.append(opening)
            await connector.reach(visit.opens, timeouts, approach)
        approach.opened()
    except DeviceError as error:
        approach.failed(error.fault)
        visit.fail(error.fault)
    except Lost:
        approach.lost()
        visit.fail(visit.opens.lost("whoever was to log in to it was lost"))
    except TimeoutError:
        visit.fail(_late(visit.phase, f"no connection within {seconds:g} s"))
    finally:
        visit.turn_home()
        if approach.withheld:
            visit.withdraw()
        else:
            visit.end()


async def _open(
    visit: Visit, connector: Connector, limits: Timeouts, approach: Approach
) -> Session:
    seconds = limits.connect + limits.login
    try:
        async with Deadline(seconds + OPEN_GRACE) as opening:
            approach.deadlines.append(opening)
            session = await connector.open(visit.device, limits, approach)
    except DeviceError as error:
        error.fault = visit.judged(error.fault)
        approach.failed(error.fault)
        visit.algorithms = error.algorithms or visit.algorithms
        raise
    except TimeoutError as error:
        raise DeviceError(_late(visit.phase, f"no session within {seconds:g} s")) from error
    approach.opened()
    visit.algorithms = session.algorithms or visit.algorithms
    return session


async def _ask(visit: Visit, session: Session, limits: Timeouts) -> None:
    for command in visit.unanswered():
        with bound(command=command):
            try:
                async with Deadline(limits.command + COMMAND_GRACE):
                    result = await session.run(
                        command,
                        timeout=limits.command,
                        least=visit.assignment.least.get(command, 0),
                    )
            except TimeoutError as error:
                raise DeviceError(
                    _late(Phase.COMMAND, f"{command!r} not answered within {limits.command:g} s")
                ) from error
            visit.answer(result)


async def _look_back(visit: Visit, session: Session) -> None:
    """Take back what later bytes have condemned, whichever way the attempt has ended."""
    try:
        async with Deadline(LAST_LOOK_GRACE):
            visit.condemn(await session.finish())
    except TimeoutError:
        logger.warning("the last look at the session took more than %g s", LAST_LOOK_GRACE)


async def _close(session: Session) -> None:
    try:
        async with asyncio.timeout(CLOSE):
            await session.close()
    except TimeoutError:
        logger.warning("the session was not closed within %g s", CLOSE)


def _late(phase: Phase, message: str) -> Fault:
    return Fault(fault_class=FaultClass.TIMEOUT, phase=phase, message=message)


def _fail_by_bug(visit: Visit, approach: Approach, error: BaseException) -> None:
    if approach.withheld:
        visit.fault = None  # that of an attempt before: it would hide the bug
    visit.fail(internal(visit.phase, error))


def internal(phase: Phase, error: BaseException) -> Fault:
    """Log a bug and give the fault that it becomes; called where it is handled."""
    logger.error("internal error: %s", type(error).__name__)
    logger.debug("internal error", exc_info=True)
    # The type alone: the text of a foreign error may show what was typed.
    message = f"internal error: {type(error).__name__}"
    return Fault(
        fault_class=FaultClass.INTERNAL, phase=phase, message=message, hint="please report it"
    )
