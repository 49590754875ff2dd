"""What a model still sees of a conversation that has outgrown its limit (PROTOCOL.md 5.3).

A cut drops more than it must, and then stays where it is until the limit is exceeded again: a model computes again
all that stands behind the first change of its prompt, so dropping one message a turn would cost a whole prefill a turn.

Nothing is remembered between calls. The cuts follow from the messages alone, so the same beginning of a conversation
always gives the same cut, on whichever engine and after any restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vivavoce.ports import EngineError, Message, Prompt, Retention

AUTO_RATIO = 0.5
"""What "auto" keeps of the limit. The service keeps all that fits, which here would mean a cold cache every turn."""
_ANSWERS = ("assistant", "tool")


def fit(prompt: Prompt, sizes: Sequence[int], room: int) -> Prompt:
    """The prompt as the model gets it, without messages from the beginning if there are too many.

    `sizes` are the tokens of each message, `room` the tokens that all of them may have in the model's window. Raises
    `EngineError` (`context_too_long`): nothing may be dropped ("disabled"), or what is never dropped is too long: the
    last user message and what follows it.
    """
    asked = prompt.truncation
    limit = room_for(prompt, room)
    if asked == "disabled":
        first = 0
    else:
        first = cut(prompt.messages, sizes, limit, asked.ratio if isinstance(asked, Retention) else AUTO_RATIO)
    if sum(sizes[first:]) > limit:
        raise _too_long(prompt, room, limit)
    return replace(prompt, messages=prompt.messages[first:])


def room_for(prompt: Prompt, room: int) -> int:
    """Tokens that the messages may have: `room`, or what the session allows if that is less."""
    asked = prompt.truncation
    if isinstance(asked, Retention) and asked.post_instructions is not None:
        return min(room, asked.post_instructions)
    return room


def cut(messages: Sequence[Message], sizes: Sequence[int], limit: int, ratio: float) -> int:
    """Index of the first message that stays.

    The messages are taken one by one, as they came. When they exceed `limit`, the oldest go at once, until at most
    `ratio` x `limit` is left; what stays then waits for the next time. So a cut that an answer makes necessary is
    there before the caller's next words are, and can be prefilled meanwhile.

    What stays never begins with an assistant's message or a tool's: the model would see an answer to nothing, and many
    chat templates refuse it. And whatever the limit says, the last user message stays, with all that follows it.
    """
    first, total = 0, 0
    for index, size in enumerate(sizes):
        total += size
        exceeded = total > limit
        while first < index and ((exceeded and total > ratio * limit) or (first and messages[first].role in _ANSWERS)):
            total -= sizes[first]
            first += 1
    return min(first, last_turn(messages))


def last_turn(messages: Sequence[Message]) -> int:
    """Index of the last user message, from which on nothing is dropped.

    When no user spoke, of the last message; of the call where that is its output.
    """
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    if users:
        return users[-1]
    last = max(len(messages) - 1, 0)
    while last and messages[last].role == "tool":
        last -= 1
    return last


def _too_long(prompt: Prompt, room: int, limit: int) -> EngineError:
    if prompt.truncation == "disabled":
        return EngineError("context_too_long", "The conversation is longer than the model's window.")
    if room <= 0:
        return EngineError("context_too_long", "The instructions alone fill the model's window.")
    if limit < room:
        message = f"The last turn alone is longer than token_limits.post_instructions, which allows {limit} tokens."
        return EngineError("context_too_long", message)
    return EngineError("context_too_long", "The last turn alone is longer than the model's window.")
