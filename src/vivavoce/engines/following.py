"""The answer in the caller's language: which one that is, and how a language model is told.

Words of ours stand in the caller's own turns, behind what was said there, and never in the text that all turns share:
what a model has computed of a conversation stays valid when the language changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vivavoce.languages import language_name
from vivavoce.ports import Message, Prompt, Speech

LINE = "(Answer in {language}.)"


class Following:
    """Goes through one conversation, oldest message first.

    `speaks`: the languages that the voice can be heard in. `own`: the one of them that it is at home in.
    """

    def __init__(self, speaks: Sequence[str], own: str) -> None:
        self._speaks = tuple(speaks)
        self._own = own
        self._foreign = False
        """A language that is not the voice's own has been spoken: from here on the model is told each time."""
        self.language: str | None = None
        """Of the answer; None: nobody has said anything yet that tells."""

    def lines(self, message: Message) -> tuple[str, ...]:
        """What stands behind a message: which language to answer in, where that is not plain.

        A language that no voice speaks is answered in the voice's own. What the caller types needs no line: the model
        sees what language it is, and the voice stays with that of the turn before.
        """
        spoken = [part.language() for part in message.content if isinstance(part, Speech)]
        known = [language for language in spoken if language is not None]
        if message.role != "user" or not known:
            return ()
        self._foreign = self._foreign or known[-1] != self._own
        self.language = known[-1] if known[-1] in self._speaks else self._own
        return (LINE.format(language=language_name(self.language)),) if self._foreign else ()

    def spoken(self, prompt: Prompt) -> Prompt:
        """The prompt for a voice that speaks that language."""
        return replace(prompt, voice=replace(prompt.voice, language=self.language)) if self.language else prompt


def follows(prompt: Prompt) -> bool:
    """Whether the language is the caller's: not where it is said, or where the instructions say everything."""
    return prompt.voice.language is None and not prompt.plain
