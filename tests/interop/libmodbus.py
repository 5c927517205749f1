"""Two small programs on libmodbus, compiled where they are needed: a server, and a client that does as it is told."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers import missing

_PROBE = b"#include <modbus/modbus.h>\nint main(void) { modbus_free(NULL); }\n"
PATIENCE_S = 120.0


def compiled(name: str, folder: Path) -> str:
    """The program `name`.c, made in `folder`. Skips where there is no compiler or no libmodbus, unless CI=true."""
    compiler = shutil.which("cc")
    if compiler is None:
        missing("no C compiler (cc) on this machine")
    probe = [compiler, "-xc", "-", "-o", str(folder / "probe"), "-lmodbus"]
    if subprocess.run(probe, input=_PROBE, capture_output=True, check=False).returncode:
        missing("no libmodbus to compile with on this machine (libmodbus-dev)")
    source, program = Path(__file__).with_name(f"{name}.c"), folder / name
    strict = ["-O1", "-Wall", "-Wextra", "-Werror"]
    made = subprocess.run(
        [compiler, *strict, "-o", str(program), str(source), "-lmodbus"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return str(program)


@asynccontextmanager
async def server(program: str, *arguments: str) -> AsyncIterator[str]:
    """The server while it runs, and the line that it printed: its port, or "ready"."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            said = (await process.stdout.readline()).decode().strip()
        assert said, "the server ended at once"
        yield said
    finally:
        process.stdin.close()
        await process.wait()


async def conversation(program: str, *arguments: str, orders: list[str]) -> list[str]:
    """What the client printed, a line for each order."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, *arguments, stdin=pipe, stdout=pipe)
    try:
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate("".join(f"{order}\n" for order in orders).encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0
    return output.decode().splitlines()
