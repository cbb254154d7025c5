"""A program that is killed while it writes a history: ``victim.py OUTPUT SECONDS...``.

For each moment a process is forked that backs up the fleet of `texts` 2 in ``OUTPUT/<number>``,
where that of `texts` 1 is already, and kills itself when so many seconds have passed. Git, if it is
at work just then, goes on by itself. Prints for each moment whether it died or came to its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from support.backups import backed_up

DEVICES = 12


def texts(generation: int) -> dict[str, str]:
    """Make the configurations of the fleet: every other one is another one in each generation."""
    return {
        f"r{number}": f"hostname r{number}\n" + f"line of {generation * (number % 2)}\n" * 4000
        for number in range(DEVICES)
    }


def main(output: Path, moments: list[float]) -> None:
    for number, seconds in enumerate(moments):
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            asyncio.run(backed_up(output / str(number), texts(2), run="run-2"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(number, "died" if os.WIFSIGNALED(status) else f"ended {status}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [float(word) for word in sys.argv[2:]])
