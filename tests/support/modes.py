"""The ways in which devices are known to misbehave while they are talked to, as scripts.

One `Mode` each: what the device does when `FIRST` is asked, and what must be made of it. Every
device answers `SECOND` plainly afterwards. Refuses to know how a mode is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from support.hostile import (
    Actor,
    Script,
    Step,
    Steps,
    become,
    drop,
    end_channel,
    endless,
    forget_typed,
    paged,
    read_key,
    stall,
    without_prompt,
)

from collector.lab import Echo, LabFault
from collector.model import FaultClass, Phase, Timeouts

FIRST = "show inventory"
BACKUP = "show running-config"
SECOND = "show version"
VERSION = b"Version 17.9\r\nUptime is 3 days\r\n"
LINES = b"one\r\ntwo\r\nthree\r\n"
CONFIG = b"hostname r1\r\ninterface Gi1\r\n description r1#\r\nend\r\n"
LOG = b"*Mar  3 10:15:42.318: %SYS-5-CONFIG_I: Configured from console by admin\r\n"
PLAIN = Script()
PATIENT = Timeouts(login=40.0, command=40.0)
SHORT = Timeouts(connect=2.0, login=4.0, command=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A misbehaving device and the promise about it.

    ``whole`` is the output that must be given, None where none may be. ``fault`` is then the class
    of the first command's result; with ``phase`` it ends the session there, and nothing follows.
    ``condemned`` are the outputs that must be disowned at last; ``idle`` the seconds that pass
    after each command.
    """

    script: Script
    whole: bytes | None = None
    fault: FaultClass | None = None
    phase: Phase | None = None
    notes: tuple[str, ...] = ()
    condemned: tuple[int, ...] = ()
    idle: float = 0.0
    command: str = FIRST
    platform: str = "cisco_iosxe"
    encoding: str = "utf-8"
    limits: Timeouts = PATIENT
    output_limit: int = 1 << 26


def answering(*answers: Steps, command: str = FIRST, like: Script = PLAIN) -> Script:
    """Give a device that answers the first command so, time after time."""
    return replace(like, answers={command: answers, SECOND: ((VERSION,),)})


def text(steps: Steps) -> bytes:
    """Give what a person would have read of the bytes among the steps."""
    return b"".join(step for step in steps if isinstance(step, bytes)).replace(b"\r\n", b"\n")


def plain(*steps: Step, like: Script = PLAIN) -> Mode:
    """Give a mode whose every byte is output, to be collected whole."""
    return Mode(script=answering(steps, like=like), whole=text(steps))


def greeted(*steps: Step) -> Mode:
    """Give a device with a greeting of its own, to be logged in to."""
    return plain(LINES, like=Script(greeting=steps))


def asked_at_login(*steps: Step) -> Mode:
    """Give a device that asks something that a collector does not answer."""
    script = answering((LINES,), like=Script(greeting=(*steps, stall)))
    return Mode(script=script, fault=FaultClass.PROMPT, phase=Phase.LOGIN, limits=SHORT)


def denied(line: bytes, *, platform: str = "generic") -> Mode:
    """Give a device that refuses the command in its own words."""
    return Mode(script=answering((line,)), fault=FaultClass.REJECTED, platform=platform)


def _wrapped(actor: Actor, line: bytes) -> Steps:
    """Echo as a terminal of 80 columns: the device breaks the line where the prompt ends it."""
    shown = actor.prompt + line
    rows = [shown[at : at + 80] for at in range(0, len(shown), 80)]
    return (b"\r\n".join(rows)[len(actor.prompt) :] + b"\r\n",)


def _wrapped_by_readline(actor: Actor, line: bytes) -> Steps:
    shown = actor.prompt + line
    rows = [shown[at : at + 80] for at in range(0, len(shown), 80)]
    return (b" \r".join(rows)[len(actor.prompt) :] + b"\r\n",)


def _redrawn(actor: Actor, line: bytes) -> Steps:
    """Draw the whole line anew once it was typed."""
    return (line + b"\r\x1b[K" + actor.prompt + line + b"\r\n",)


def _redrawn_on_the_way(actor: Actor, line: bytes) -> Steps:
    """Draw a line anew while it is typed, blank ones excepted, as completion does."""
    if not line.strip():
        return (line + b"\r\n",)
    return (line[:6], b"\r\x1b[K" + actor.prompt + line[:6], line[6:] + b"\r\n")


def _redrawn_letter_by_letter(actor: Actor, line: bytes) -> Steps:
    shown = (b"\r\x1b[K" + actor.prompt + line[: n + 1] for n in range(len(line)))
    return (b"".join(shown) + b"\r\n",)


def _late(actor: Actor, line: bytes) -> Steps:
    return (0.4, line + b"\r\n")


def _in_pieces(actor: Actor, line: bytes) -> Steps:
    return (line[:1], 0.05, line[1:], 0.05, b"\r", 0.05, b"\n")


LONG = "show interfaces " + " ".join(f"GigabitEthernet1/0/{n}" for n in range(1, 8))

PROMPTS: Mapping[str, Mode] = {
    "a line equal to the prompt": plain(b"one\r\nr1#\r\ntwo\r\n"),
    "the same and a pause": plain(b"one\r\nr1#\r\n", 1.0, b"two\r\n"),
    "a segment that ends in the prompt": plain(b"one\r\nr1#", 0.01, b"\r\ntwo\r\n"),
    "a segment that ends in the prompt and a pause": plain(b"one\r\nr1#", 0.7, b"\r\ntwo\r\n"),
    "a prompt and a pause at every line": plain(*(b"r1#", 0.2, b"\r\n") * 6),
    "the first line is the prompt": plain(b"r1#\r\n", 0.3, b"r1#\r\nx\r\n"),
    "the prompt and the command again": plain(
        b"one\r\nr1#", 0.3, b"show inventory\r\nr1#", 0.3, b"\r\ntwo\r\n"
    ),
    "the prompt, blanks and the prompt": plain(
        b"r1#", 0.3, b"   \r\nr1#", 0.3, b"      \r\nr1#\r\ntwo\r\n"
    ),
    "another device's prompt": plain(
        b"one\r\nacme-core#", 0.5, b"\r\nuser@mx1>", 0.5, b"\r\ntwo\r\n"
    ),
    "no line end at the end": plain(b"one\r\ntwo"),
    "nothing at all": plain(),
    "lines of blanks": plain(b"   \r\n\r\n      \r\n"),
    "trailing blanks": plain(b"one   \r\ntwo\t\r\n"),
}

PAGERS: Mapping[str, Mode] = {
    "paging stays on": Mode(
        script=answering(
            paged(
                (b"one\r\n", b"two\r\n", b"three\r\n"),
                b" --More-- ",
                b"\x08" * 10 + b" " * 10 + b"\x08" * 10,
            )
        ),
        whole=b"one\ntwo\nthree\n",
        notes=("paged",),
    ),
    "a pager that erases by escape sequences": Mode(
        script=answering(paged((b"one\r\n", b"two\r\n"), b"\x1b[7m--More--\x1b[m", b"\r\x1b[K")),
        whole=b"one\ntwo\n",
        notes=("paged",),
    ),
    "a pager that is written in two pieces": Mode(
        script=answering((b"one\r\n --Mo", 0.03, b"re-- ", read_key, b"\r         \r", b"two\r\n")),
        whole=b"one\ntwo\n",
        notes=("paged",),
    ),
    "a pager that does not go on": Mode(
        script=answering((b"one\r\n --More-- ", stall)),
        fault=FaultClass.PAGER,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "a pager that leaves its words": Mode(
        script=answering((b"one\r\n --More-- ", read_key, b"\r\ntwo\r\n")), fault=FaultClass.PAGER
    ),
    "a pager that wants a whole line": Mode(
        script=answering((b"one\r\n --More-- ", forget_typed, b"\r         \r", b"two\r\n")),
        fault=FaultClass.PAGER,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "pager words inside the output at a pause": plain(b"one\r\n --More-- ", 0.3, b"\r\ntwo\r\n"),
    "pager words as the last line": plain(b"one\r\n--More--\r\n"),
    "pager words before the prompt": plain(b"one\r\n(more 50%)"),
}

DENIALS: Mapping[str, Mode] = {
    "invalid input": denied(
        b"    ^\r\n% Invalid input detected at '^' marker.\r\n\r\n", platform="cisco_iosxe"
    ),
    "authorization failed": denied(b"% Authorization failed.\r\n"),
    "command authorization failed": denied(b"Command authorization failed.\r\n"),
    "unknown command": denied(b"unknown command.\r\n"),
    "with a tag": denied(b"% [ZEBRA] Unknown command: show inventory\r\n"),
    "an error": denied(b"Error: command rejected\r\n"),
    "a policy": denied(b"Command not allowed by policy.\r\n"),
    "privileges": denied(b"You do not have sufficient privilege to run this.\r\n"),
    "a shell": denied(b"-bash: show: command not found\r\n"),
    "a denial after a log line": denied(LOG + b"% Authorization failed.\r\n"),
    "a description with denial words": Mode(
        script=answering(
            (
                b"interface Gi1\r\n description % Invalid input detected\r\n"
                b" Authorization failed\r\nend\r\n",
            ),
            command=BACKUP,
        ),
        command=BACKUP,
        whole=b"interface Gi1\n description % Invalid input detected\n Authorization failed\nend\n",
    ),
    "denial words in a long output": plain(
        LINES + b"four\r\n% Authorization failed\r\nunknown command\r\n"
    ),
}

LOGINS: Mapping[str, Mode] = {
    "a banner with a prompt in it": greeted(b"\r\nr1#\r\nwelcome\r\n"),
    "a banner with a prompt and a pause": greeted(
        b"\r\nr1#", 1.0, b"\r\nwelcome to r1>", 0.8, b"\r\n"
    ),
    "press any key": greeted(b"\r\nPress any key to continue", read_key, b"\r\n"),
    "press return": greeted(b"\r\nPress RETURN to get started.", read_key, b"\r\n"),
    "a password expires": greeted(
        b"\r\nWARNING: Your password will expire in 3 days. Change it: password\r\n"
    ),
    "a slow banner": greeted(b"\r\nPlease wait...", 2.0, b"\r\nready\r\n"),
    "a late prompt": greeted(1.5, b"\r\n"),
    "a log line after login": greeted(b"\r\nr1#", 0.3, b"\r\n" + LOG),
    "a pager in the greeting": greeted(b"news\r\n--More--", read_key, b"\r        \rmore\r\n"),
    "a question": asked_at_login(b"Do you want to change the password? [y/n]: "),
    "a question in capitals": asked_at_login(
        b"Warning: The initial password poses security risks.\r\nChange now? [Y/N]:"
    ),
    "a new password": asked_at_login(b"Your password has expired.\r\nNew password: "),
    "terms to accept": Mode(
        script=answering(
            (LINES,),
            like=Script(greeting=(b"Terms of use.\r\n",), prompt=b'Type "accept" to continue: '),
        ),
        fault=FaultClass.PROMPT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
    "a menu": Mode(
        script=answering(
            (LINES,), like=Script(greeting=(b"1) status\r\n",), prompt=b"Enter your choice: ")
        ),
        fault=FaultClass.PROMPT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
}

LOG_LINES: Mapping[str, Mode] = {
    "in the output": Mode(
        script=answering((b"one\r\n" + LOG + b"two\r\n",)),
        whole=text((b"one\r\n", LOG, b"two\r\n")),
        notes=("log_line",),
    ),
    "between echo and output": Mode(
        script=answering((LOG, 0.1, LINES)),
        whole=text((LOG, LINES)),
        notes=("log_line",),
    ),
    "at the prompt, which is drawn again": Mode(
        script=answering((LINES + b"r1#\r\n" + LOG,)),
        whole=text((LINES, b"r1#\r\n", LOG)),
        notes=("log_line",),
    ),
    "after the prompt, in one piece with it": Mode(
        script=answering((LINES + b"r1#\r\n" + LOG, without_prompt), (LINES,)),
        whole=text((LINES,)),
    ),
    "after the prompt, and no prompt again": Mode(
        script=answering((LINES,), like=Script(late={FIRST: ((b"\r\n" + LOG,),)})),
        whole=text((LINES,)),
    ),
    "after the prompt, and half a line": Mode(
        script=answering((LINES,), like=Script(late={FIRST: ((b"\r\n" + LOG.rstrip(),),)})),
        whole=text((LINES,)),
    ),
    "in a configuration, once": Mode(
        script=answering((LOG + CONFIG,), (CONFIG,), command=BACKUP),
        command=BACKUP,
        whole=text((CONFIG,)),
        notes=(),
    ),
    "in a configuration, always": Mode(
        script=answering((LOG + CONFIG,), command=BACKUP),
        command=BACKUP,
        whole=text((LOG, CONFIG)),
        notes=("log_line",),
    ),
    "at the prompt of a configuration, which is drawn again": Mode(
        script=answering((CONFIG + b"r1#\r\n" + LOG,), (CONFIG,), command=BACKUP),
        command=BACKUP,
        whole=text((CONFIG,)),
    ),
    "a long pause, and before it a line like the prompt": Mode(
        script=answering((b"one\r\nr1#\r\n", 4.0, b"two\r\n")),
        whole=b"one\nr1#\ntwo\n",
    ),
    "a long pause": plain(b"one\r\n", 9.0, b"two\r\n"),
    "a long pause at another prompt": Mode(
        script=answering((b"one\r\nacme-core#", 4.0, b"two\r\n"), (b"one\r\nacme-core#two\r\n",)),
        whole=b"one\nacme-core#two\n",
    ),
    "a late line after the output was believed": Mode(
        script=answering((LINES,), like=Script(late={FIRST: ((1.0, b"\r\nfour\r\nr1#"),)})),
        whole=text((LINES,)),
        condemned=(0,),
        idle=2.0,
    ),
    "a late line after the last output was believed": Mode(
        script=answering((LINES,), like=Script(late={SECOND: ((1.0, b"\r\nfour\r\nr1#"),)})),
        whole=text((LINES,)),
        condemned=(1,),
        idle=2.0,
    ),
}

CONFIGURATIONS: Mapping[str, Mode] = {
    "whole": Mode(
        script=answering((CONFIG,), command=BACKUP), command=BACKUP, whole=text((CONFIG,))
    ),
    "empty": Mode(
        script=answering((), command=BACKUP), command=BACKUP, fault=FaultClass.INCOMPLETE
    ),
    "cut short": Mode(
        script=answering((CONFIG[:30],), command=BACKUP),
        command=BACKUP,
        fault=FaultClass.INCOMPLETE,
    ),
    "without its end marker": Mode(
        script=answering((CONFIG.removesuffix(b"end\r\n"),), command=BACKUP),
        command=BACKUP,
        fault=FaultClass.INCOMPLETE,
    ),
    "cut once, whole the second time": Mode(
        script=answering((CONFIG[:30],), (CONFIG,), command=BACKUP),
        command=BACKUP,
        whole=text((CONFIG,)),
    ),
    "empty once, whole the second time": Mode(
        script=answering((), (CONFIG,), command=BACKUP), command=BACKUP, whole=text((CONFIG,))
    ),
}

BYTES: Mapping[str, Mode] = {
    "latin-1": Mode(
        script=answering((b"Z\xfcrich\r\n\xff\xfe\r\n",)),
        whole=b"Z\xfcrich\n\xff\xfe\n",
        encoding="unknown-8bit",
    ),
    "utf-8 cut in a letter": plain(b"Z\xc3", 0.05, b"\xbcrich\r\n"),
    "colours": Mode(
        script=answering((b"\x1b[1;32mone\x1b[0m\r\n\x1b]0;title\x07two\r\n",)),
        whole=b"one\ntwo\n",
        notes=("cleaned",),
    ),
    "colours split over packets": Mode(
        script=answering(
            (b"\x1b", 0.02, b"[1;3", 0.02, b"2mone\x1b[", 0.02, b"0m\r\ntwo\x1b", 0.02, b"[m\r\n")
        ),
        whole=b"one\ntwo\n",
        notes=("cleaned",),
    ),
    "backspaces": Mode(
        script=answering((b"10%\x08\x08\x08100%\r\nabc\x08 \x08d\r\n",)),
        whole=b"100%\nabd\n",
        notes=("cleaned",),
    ),
    "returns": Mode(
        script=answering((b"10%\r100%\r\nend\r\r\n",)),
        whole=b"100%\nend\n",
        notes=("cleaned",),
    ),
    "NUL and BEL": Mode(
        script=answering((b"o\0ne\x07\r\n\0\r\ntwo\r\n",)),
        whole=b"one\n\ntwo\n",
        notes=("cleaned",),
    ),
    "a coloured prompt": plain(LINES, like=Script(prompt=b"\x1b[1mr1\x1b[0m# ")),
    "a screen erased before each prompt": plain(LINES, like=Script(prompt=b"\x1b[H\x1b[Jr1# ")),
    "a prompt with NUL and BEL": plain(LINES, like=Script(prompt=b"\0\x07r1#")),
    "a prompt in latin-1": plain(LINES, like=Script(prompt=b"Z\xfcrich#")),
    "a prompt of two lines": plain(LINES, like=Script(prompt=b"[edit]\r\nadmin@r1# ")),
    "a prompt with a clock": plain(LINES, like=Script(prompt=b"10:15:42 r1# ")),
    "a line of a megabyte": plain(b"x" * 1_000_000 + b"\r\n"),
}

LINKS: Mapping[str, Mode] = {
    "the link drops in mid-output": Mode(
        script=answering((b"one\r\ntw", drop)),
        fault=FaultClass.DISCONNECTED,
        phase=Phase.COMMAND,
    ),
    "the link drops at a line like the prompt": Mode(
        script=answering((b"one\r\nr1#", 0.05, drop)),
        fault=FaultClass.DISCONNECTED,
        phase=Phase.COMMAND,
    ),
    "the channel closes, TCP stays open": Mode(
        script=answering((b"one\r\ntw", end_channel)),
        fault=FaultClass.DISCONNECTED,
        phase=Phase.COMMAND,
    ),
    "the link drops at login": Mode(
        script=answering((LINES,), like=Script(greeting=(b"welc", drop))),
        fault=FaultClass.DISCONNECTED,
        phase=Phase.LOGIN,
    ),
    "no free lines": Mode(
        script=answering(
            (LINES,), like=Script(greeting=(b"\r\n% No free lines, try later\r\n", end_channel))
        ),
        fault=FaultClass.BUSY,
        phase=Phase.LOGIN,
    ),
    "too many sessions": Mode(
        script=answering(
            (LINES,),
            like=Script(greeting=(b"Sorry, the maximum number of sessions is reached.\r\n", drop)),
        ),
        fault=FaultClass.BUSY,
        phase=Phase.LOGIN,
    ),
}

SILENCES: Mapping[str, Mode] = {
    "after login": Mode(
        script=answering((LINES,), like=Script(greeting=(stall,))),
        fault=FaultClass.TIMEOUT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
    "after the banner": Mode(
        script=answering((LINES,), like=Script(greeting=(b"welcome\r\n", stall))),
        fault=FaultClass.TIMEOUT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
    "a byte per second at login": Mode(
        script=answering((LINES,), like=Script(greeting=(endless(b".", 1.0),))),
        fault=FaultClass.TIMEOUT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
    "after the command": Mode(
        script=answering((stall,)),
        fault=FaultClass.TIMEOUT,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "in mid-output": Mode(
        script=answering((b"one\r\n", stall)),
        fault=FaultClass.TIMEOUT,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "at a line like the prompt": Mode(
        script=answering((b"one\r\nr1#", stall)),
        fault=FaultClass.TIMEOUT,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "a byte per second": Mode(
        script=answering((endless(b".", 1.0),)),
        fault=FaultClass.TIMEOUT,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "prompts for ever": Mode(
        script=answering((endless(b"r1#\r\n", 0.02),)),
        fault=FaultClass.TIMEOUT,
        phase=Phase.COMMAND,
        limits=SHORT,
    ),
    "output for ever": Mode(
        script=answering((endless(b"x" * 4000 + b"\r\n", 0.0),)),
        fault=FaultClass.OUTPUT_LIMIT,
        phase=Phase.COMMAND,
        output_limit=1 << 20,
    ),
}

CHANGES: Mapping[str, Mode] = {
    "another host name": Mode(
        script=answering((LINES, become(b"core-7#"))),
        whole=text((LINES,)),
        notes=("prompt_changed",),
    ),
    "another mode": Mode(
        script=answering((LINES, become(b"r1(config)#"))),
        whole=text((LINES,)),
        notes=("prompt_changed",),
    ),
    "a prompt that ends in the old one": Mode(
        script=answering((LINES, become(b"xr1#"))),
        whole=text((LINES,)),
        notes=("prompt_changed",),
    ),
    "a prompt that begins with the old one": Mode(
        script=answering((LINES, become(b"r1#2# "))),
        whole=text((LINES,)),
        notes=("prompt_changed",),
    ),
    "fewer rights": Mode(
        script=answering((LINES, become(b"r1>"))),
        whole=text((LINES,)),
        notes=("prompt_changed",),
    ),
}

ECHOES: Mapping[str, Mode] = {
    "late": plain(LINES, like=Script(echo=_late)),
    "in pieces": plain(LINES, like=Script(echo=_in_pieces)),
    "redrawn": plain(LINES, like=Script(echo=_redrawn)),
    "redrawn on the way": plain(LINES, like=Script(echo=_redrawn_on_the_way)),
    "none": plain(LINES, like=Script(discipline=Echo.NONE)),
    "at once": plain(LINES, like=Script(discipline=Echo.AT_ONCE)),
    "readline": plain(LINES, like=Script(discipline=Echo.READLINE)),
    "typed-ahead input is lost": plain(LINES, like=Script(keeps_typed_ahead=False)),
    "typed-ahead input is lost, and a prompt in the output": plain(
        b"one\r\nr1#", 0.4, b"\r\ntwo\r\n", like=Script(keeps_typed_ahead=False)
    ),
    "a long command, wrapped": Mode(
        script=answering((LINES,), command=LONG, like=Script(echo=_wrapped)),
        command=LONG,
        whole=text((LINES,)),
    ),
    "a long command, wrapped by readline": Mode(
        script=answering((LINES,), command=LONG, like=Script(echo=_wrapped_by_readline)),
        command=LONG,
        whole=text((LINES,)),
    ),
}

OPENINGS: Mapping[str, Mode] = {
    "refused": Mode(
        script=Script(fault=LabFault.REFUSE), fault=FaultClass.REFUSED, phase=Phase.CONNECT
    ),
    "reset at the banner": Mode(
        script=Script(fault=LabFault.RESET), fault=FaultClass.BUSY, phase=Phase.KEX
    ),
    "silent after TCP accept": Mode(
        script=Script(fault=LabFault.SILENT_TCP),
        fault=FaultClass.TIMEOUT,
        phase=Phase.KEX,
        limits=SHORT,
    ),
    "silent at authentication": Mode(
        script=Script(fault=LabFault.SILENT_AUTH),
        fault=FaultClass.TIMEOUT,
        phase=Phase.AUTH,
        limits=SHORT,
    ),
    "silent at the channel": Mode(
        script=Script(fault=LabFault.SILENT_LOGIN),
        fault=FaultClass.TIMEOUT,
        phase=Phase.CHANNEL,
        limits=SHORT,
    ),
    "the channel denied": Mode(
        script=Script(fault=LabFault.DENY_CHANNEL), fault=FaultClass.BUSY, phase=Phase.CHANNEL
    ),
    "silent after the channel opened": Mode(
        script=Script(fault=LabFault.SILENT_CHANNEL),
        fault=FaultClass.TIMEOUT,
        phase=Phase.LOGIN,
        limits=SHORT,
    ),
}

LETTER_BY_LETTER = plain(LINES, like=Script(echo=_redrawn_letter_by_letter))
"""An editor that no device is known to have: its answer to blanks depends on their number."""

TALKING: Mapping[str, Mode] = {
    f"{group}: {name}": mode
    for group, modes in {
        "prompt": PROMPTS,
        "pager": PAGERS,
        "denial": DENIALS,
        "login": LOGINS,
        "log line": LOG_LINES,
        "configuration": CONFIGURATIONS,
        "bytes": BYTES,
        "link": LINKS,
        "silence": SILENCES,
        "change": CHANGES,
        "echo": ECHOES,
    }.items()
    for name, mode in modes.items()
}
