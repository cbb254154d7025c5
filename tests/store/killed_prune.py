"""A program that is killed while it prunes: ``killed_prune.py OUTPUT N``, at the N-th operation."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from collector.model import Retention
from collector.store.pruning import held, prune
from collector.store.retention import plan_pruning

_OPERATIONS = frozenset({"os.rename", "os.remove", "os.rmdir", "shutil.rmtree"})


def _main(output: Path, last: int) -> None:
    plan = plan_pruning(output, Retention(runs=1), datetime.now(UTC))
    assert plan.doomed
    numbers = count(1)

    def die_in_time(event: str, _: object) -> None:
        if event in _OPERATIONS and next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die_in_time)
    with held(output, "collector prune"):
        for doomed in plan.doomed:
            prune(output, doomed)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
