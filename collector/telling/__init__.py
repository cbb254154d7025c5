"""Telling people and programs what a run has found: hooks, summaries, metrics.

Owns who is told of what, and that nobody is told the same twice, or not at all. Refuses to know how
a run is done: it is handed a report of one that has ended, and keeps nothing from ending well.
"""

from collector.telling.files import write_metrics, write_summary
from collector.telling.hooks import HARMLESS, Caller, Program, Webhook
from collector.telling.news import DeviceNews, Input, RunNews, device_news, run_news
from collector.telling.round import Telling, tell

__all__ = [
    "Caller",
    "DeviceNews",
    "HARMLESS",
    "Input",
    "Program",
    "RunNews",
    "Telling",
    "Webhook",
    "device_news",
    "run_news",
    "tell",
    "write_metrics",
    "write_summary",
]
