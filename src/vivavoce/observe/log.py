"""Logging to standard error, for people or as JSON lines; never audio, transcripts or keys.

Modules log with the standard library (`logging.getLogger(__name__)`) and hand over data as `extra` fields, which end
up as `key=value` or as members of the JSON object. The formatters are the last line of defence: known keys
are masked wherever they turn up, and what is too long to be a log message is cut, as base64 audio would be.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from vivavoce.protocol.keys import masked

LONGEST_CHARS = 2000
"""Of one message or field."""
LONGEST_TRACEBACK_CHARS = 20_000
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_CREDENTIAL = re.compile(r"(?i)(bearer\s+|openai-insecure-api-key\.)([^\s\"',;]+)")


def setup(level: str, *, as_json: bool, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send the log to `stream` (standard error) from `level` on ("debug", "info", "warning" or "error").

    Libraries are only heard from warnings on, whatever the level: some of them log whole messages when they debug.
    `secrets` are masked. Calling it again replaces what was set before.
    """
    formatter = JsonFormatter(secrets) if as_json else TextFormatter(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each.formatter, _Formatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(wanted, logging.WARNING))
    logging.getLogger("vivavoce").setLevel(wanted)


class _Formatter(logging.Formatter):
    """What both shapes share."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        # Longest first: one key may begin another.
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def _clean(self, text: str, longest: int = LONGEST_CHARS) -> str:
        for secret in self._secrets:
            text = text.replace(secret, masked(secret))
        text = _CREDENTIAL.sub(lambda found: found[1] + masked(found[2]), text)
        return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"

    def _fields(self, record: logging.LogRecord) -> dict[str, str | int | float | bool | None]:
        """What came as `extra`."""
        return {
            key: value if isinstance(value, int | float | bool | None) else self._clean(str(value))
            for key, value in vars(record).items()
            if key not in _STANDARD
        }

    def _traceback(self, record: logging.LogRecord) -> str | None:
        if not record.exc_info:
            return None
        return self._clean(self.formatException(record.exc_info), LONGEST_TRACEBACK_CHARS)


class TextFormatter(_Formatter):
    """`12:30:01.250 INFO    runtime.runner: session started  session=sess_1`, in local time."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        place = record.name.removeprefix("vivavoce.")
        fields = "".join(f"  {key}={value}" for key, value in self._fields(record).items())
        text = f"{self._clean(record.getMessage())}{fields}".replace("\n", "\\n")
        line = f"{clock}.{record.msecs:03.0f} {record.levelname:<7} {place}: {text}"
        traceback = self._traceback(record)
        return f"{line}\n{traceback}" if traceback else line


class JsonFormatter(_Formatter):
    """One object per line: `time` (UTC, ISO 8601), `level`, `logger`, `message`, the fields, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, str | int | float | bool | None] = {
            "time": f"{clock}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        for key, value in self._fields(record).items():
            entry.setdefault(key, value)
        if traceback := self._traceback(record):
            entry["exception"] = traceback
        return json.dumps(entry, ensure_ascii=False)
