"""The example MCP server as a process of its own."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


@asynccontextmanager
async def shopping() -> AsyncIterator[str]:
    """Its address, while it runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "mcp_server.py", "0", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        seen = ""
        while (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", seen)) is None:
            line = await process.stderr.readline()
            assert line, f"it did not start:\n{seen}"
            seen += line.decode()
        # Whatever else it prints must go somewhere, or it would wait until somebody reads.
        reading = asyncio.create_task(process.stderr.read())
        yield f"{found[1]}/mcp"
        process.terminate()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
