"""Words in, words out: arguments, printing, exit status; one file a command group.

Owns what a person types and reads. Refuses to know how anything is collected or stored: a command
reads its words, calls one function of the rooms below, and says what came back.
"""

from collector.cli.app import main

__all__ = ["main"]
