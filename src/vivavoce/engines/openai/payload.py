"""What servers answer: JSON of any shape, and the many forms in which they complain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"

MAX_MESSAGE = 300
"""Characters of a server's message that go into ours."""

_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum context|exceed_context|too many tokens"
    r"|(prompt|input|request) (is )?(too long|too large)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a server refused: its own message, shortened, and its code or type."""

    message: str = ""
    code: str = ""

    @property
    def context_too_long(self) -> bool:
        """The conversation does not fit the model's window.

        OpenAI and vLLM have the code `context_length_exceeded` or say "maximum context length", llama.cpp has
        the type `exceed_context_size_error`.
        """
        return _TOO_LONG.search(f"{self.code} {self.message}") is not None


def parse(body: str | bytes) -> Json:
    """A JSON document. Raises `ValueError` for anything else, text that is no UTF-8 included."""
    try:
        document: Json = json.loads(body)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    return document


def find(document: Json, *path: str | int) -> Json:
    """What lies at `path`, or None where the document has another shape."""
    for step in path:
        if isinstance(step, str) and isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(step, int) and isinstance(document, list) and len(document) > step:
            document = document[step]
        else:
            return None
    return document


def count(document: Json, *path: str | int) -> int:
    """The number at `path`, or 0."""
    number = find(document, *path)
    return number if isinstance(number, int) and number > 0 else 0


def read_complaint(body: str | bytes, secret: str | None) -> Complaint:
    """The complaint in an error's body, `secret` blotted out wherever a server repeats it."""
    try:
        document = parse(body)
    except ValueError:
        return Complaint()
    return complaint_in(document, secret)


def complaint_in(document: Json, secret: str | None) -> Complaint:
    """`{"error": {"message", "code" or "type"}}`, `{"error": text}`, `{"message"}` or `{"detail"}`."""
    error = find(document, "error") or document
    texts = (error, find(error, "message"), find(error, "detail"))
    message = next((text for text in texts if isinstance(text, str)), "")
    codes = (find(error, "code"), find(error, "type"))
    code = next((text for text in codes if isinstance(text, str)), "")
    if secret:
        message, code = message.replace(secret, "***"), code.replace(secret, "***")
    message = " ".join(message.split()).rstrip(".")
    return Complaint(message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…", code)


def retry_after(header: str) -> float:
    """The pause that a `Retry-After` header asks for, in seconds; 0 without a usable one (RFC 9110, 10.2.3)."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
