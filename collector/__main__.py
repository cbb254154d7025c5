"""The program: ``python -m collector``, and the command ``collector``.

Owns what an interpreter is told that does nothing else, before it imports anything.
"""
# ruff: noqa: E402 - see above

import gc
import os
import signal
import sys

gc.disable()  # what is imported stays, and would be looked through in vain
# Nothing is begun that would have to be ended: an import that is interrupted shows a traceback.
is_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if is_interruptible:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
# The settings are our own, and to look for plugins is to read what every installed package says.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from collector.cli import main

gc.freeze()
gc.enable()
if is_interruptible:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if __name__ == "__main__":
    sys.exit(main())
