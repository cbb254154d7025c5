"""How long 500 emulated devices take to start, and to answer one session each, all at once.

    python benchmarks/lab.py [devices]

Client and lab share the process and its core, so the sessions' figure is of both together.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time

import asyncssh

from collector.lab import Lab, LabDevice, personas

PROMISED = 5.0  # seconds for 500 devices
AT_ONCE = 50  # handshakes


async def main(count: int) -> int:
    """Measure, print, and tell by the exit status whether the promise was kept."""
    platforms = [name for name in personas() if name != "linux"]
    devices = [
        LabDevice(
            name=f"r{n}", platform=platforms[n % len(platforms)], page_lines=0, privileged=True
        )
        for n in range(count)
    ]
    begun = time.perf_counter()
    async with Lab(devices) as lab:
        started = time.perf_counter() - begun
        print(f"{count} devices listening: {started:.2f} s")
        admitted = asyncio.Semaphore(AT_ONCE)
        begun, worked = time.perf_counter(), time.process_time()
        sizes = await asyncio.gather(*(ask(lab, device, admitted) for device in devices))
        took, worked = time.perf_counter() - begun, time.process_time() - worked
        each = worked / count * 1000
        print(f"{count} sessions, {sum(sizes) // 1000} KB: {took:.2f} s, {each:.1f} ms of CPU each")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    return int(started > PROMISED * count / 500)


async def ask(lab: Lab, device: LabDevice, admitted: asyncio.Semaphore) -> int:
    """Log in, ask for the version, leave; how many bytes came."""
    line = (
        b"display version\nquit\n" if device.platform == "huawei_vrp" else b"show version\nexit\n"
    )
    async with admitted:
        connection = await asyncssh.connect(
            device.host,
            lab.port(device.name),
            username=device.username,
            password=device.password,
            client_keys=None,
            agent_path=None,
            config=None,
            known_hosts=None,
            kex_algs=[
                "curve25519-sha256"
            ],  # the cheapest of each, to see the lab and not its client
            encryption_algs=["aes128-gcm@openssh.com"],
        )
    async with connection:
        process: asyncssh.SSHClientProcess[bytes]
        process = await connection.create_process(term_type="vt100", encoding=None)
        process.stdin.write(line)
        heard = await process.stdout.read()
    return len(heard)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 500)))
