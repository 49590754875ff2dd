"""The thoughts of models that reason aloud: `<think>...</think>` in the text, which nobody may hear or read.

Servers that know their model send thoughts in a field of their own (`reasoning_content`); others leave the tags of
DeepSeek-R1, Qwen3 and their like in the answer.
"""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class Thoughts:
    """Takes the thoughts out of one answer, which comes in pieces that may cut a tag anywhere."""

    def __init__(self) -> None:
        self._held = ""  # the end of what came, as far as it may be the beginning of a tag
        self._thinking = False
        self._begun = False  # something was said: blanks before that are only what stood around the thoughts

    def feed(self, text: str) -> str:
        """What of the answer is certain now."""
        self._held += text
        said = ""
        while True:
            tag = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(tag)
            if not found:
                break
            said += "" if self._thinking else before
            self._thinking = not self._thinking
            self._held = after
        keep = _tail(self._held, tag)
        cut = len(self._held) - keep
        said += "" if self._thinking else self._held[:cut]
        self._held = self._held[cut:]
        return self._shown(said)

    def end(self) -> str:
        """What was held back, and is no tag after all. Thoughts that never ended stay unsaid."""
        rest, self._held = self._held, ""
        return "" if self._thinking else self._shown(rest)

    def _shown(self, text: str) -> str:
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text


def _tail(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    longest = min(len(text), len(tag) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(tag[:size])), 0)
