"""How long a login takes by echo and distance: prompt learned, enable, paging off. No network.

    python benchmarks/login.py

In warped time, so the figures are exact and the same on every machine: what is waited, in seconds,
and how often something was sent and its answer awaited.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support import warp
from support.wire import Manner, Wire

from collector.credentials import Credential
from collector.driver import login
from collector.driver.console import CTRL_E, Console
from collector.driver.stream import Stream
from collector.lab import DeviceStats, LabDevice
from collector.lab.persona import persona
from collector.lab.shell import PersonaShell
from collector.lab.terminal import Echo, Terminal
from collector.model import Phase
from collector.platforms import Platform, load_platforms

DISTANCES = (0.0, 0.02, 0.08)  # seconds there and back
CREDENTIAL = Credential(
    username="admin", password="admin", enable="enable", private_key=None, passphrase=None
)


class Typed:
    """The line to an emulated device, counting what is sent."""

    def __init__(self, device: LabDevice, distance: float) -> None:
        self.times = 0
        self.wire = Wire(Manner(delay=distance / 2))
        self.terminal = Terminal(self.wire.to_us, _drained, echo=device.echo or Echo.WHEN_READ)
        shell = PersonaShell(persona(device.platform), device, self.terminal, DeviceStats())
        self.playing = asyncio.create_task(shell.run())

    def feed(self, data: bytes) -> None:
        """Take what arrives."""
        self.terminal.feed(data)

    def say(self, data: bytes) -> None:
        """Send."""
        self.times += 1
        self.wire.to_device(self, data)


async def logged_in(echo: Echo, distance: float, platform: Platform, *, enable: bool) -> str:
    """Log in once; give the seconds and the number of writes."""
    device = LabDevice(name="r1", platform="cisco_iosxe", echo=echo, privileged=not enable)
    line = Typed(device, distance)
    stream = Stream(line.wire.heard.get, line.say, lambda: None, limit=1 << 20)
    stream.allow(60, Phase.LOGIN)
    console = Console(stream, newline=b"\n", editor_key=CTRL_E, rng=random.Random(1))
    begun = asyncio.get_running_loop().time()
    await login.log_in(console, platform, CREDENTIAL)
    took = asyncio.get_running_loop().time() - begun
    await stream.close()
    line.playing.cancel()
    await asyncio.wait([line.playing])
    line.wire.cut()
    return f"{took:.2f} / {line.times}"


async def _drained() -> None:
    return None


def main() -> None:
    """Print a table."""
    platform = load_platforms()["cisco_iosxe"]
    bare = replace(platform, paging_off=())
    ways = {
        "prompt": (bare, False),
        "prompt, enable": (bare, True),
        "all": (platform, True),
    }
    print("seconds / writes; there and back " + ", ".join(f"{each:g} s" for each in DISTANCES))
    for echo in Echo:
        for name, (chosen, enable) in ways.items():
            cells = [
                warp.run(logged_in(echo, distance, chosen, enable=enable)) for distance in DISTANCES
            ]
            print(f"{echo:<10} {name:<16} " + "   ".join(cells))


if __name__ == "__main__":
    main()
