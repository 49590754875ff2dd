"""A conversation as ChatML text for models of the Qwen2.5 family.

We render the template ourselves because the prefix cache of llama.cpp needs every turn to repeat the text of the
turn before it to the letter, and because nothing that a caller says may become a control token.
"""

from __future__ import annotations

from vivavoce.ports import EngineError, Message, Prompt

SPOKEN_STYLE = (
    "Your words are spoken aloud. Unless asked for more, answer in at most two short spoken sentences; the first one"
    " is the shortest possible answer. No lists, no markdown."
)
"""How a spoken answer should sound. It stands behind the instructions, in the part of the text that never changes,
so it costs prefill once per session; a line in each turn obeyed no better and cost some 20 tokens a turn."""

TURN = "<|im_start|>"
"""Begins each turn; one token, and no text holds it."""
ANSWER = f"{TURN}assistant\n"
"""The answer begins behind it."""


def render(prompt: Prompt) -> str:
    """The whole prompt, up to where the assistant's answer begins."""
    return "".join(_turn(role, text) for role, text in _turns(prompt)) + ANSWER


def render_prefix(prompt: Prompt) -> str:
    """What `render` of this conversation's next answer will begin with: the user's last words stay open."""
    turns = _turns(prompt)
    last = turns.pop()[1] if turns and turns[-1][0] == "user" else ""
    return "".join(_turn(role, text) for role, text in turns) + f"{TURN}user\n{last}"


def shares(prompt: Prompt) -> tuple[str, ...]:
    """What the rendered prompt is made of: the turn of the instructions, `ANSWER`, then each message's turn.

    A part without words is empty. Neighbours of one role, which `render` merges, only become shorter by that.
    """
    parts = (("system", _system(prompt)), *((m.role, _text(m)) for m in prompt.messages))
    instructions, *messages = (_turn(role, text) if text else "" for role, text in parts)
    return instructions, ANSWER, *messages


def _turns(prompt: Prompt) -> list[tuple[str, str]]:
    """Role and text of each turn: empty ones left out, neighbours of one role merged."""
    turns: list[tuple[str, str]] = []
    parts = [("system", _system(prompt)), *((m.role, _text(m)) for m in prompt.messages)]
    for role, text in parts:
        if not text:
            continue
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{text}")
        else:
            turns.append((role, text))
    return turns


def _turn(role: str, text: str) -> str:
    return f"{TURN}{role}\n{text}<|im_end|>\n"


def _system(prompt: Prompt) -> str:
    style = SPOKEN_STYLE if prompt.spoken and not prompt.plain else ""
    return "\n\n".join(part for part in (_harmless(prompt.instructions), style) if part)


def _text(message: Message) -> str:
    parts: list[str] = []
    for part in message.content:
        if not isinstance(part, str):
            raise EngineError("engine_failed", "The language model was given speech instead of text.")
        parts.append(_harmless(part))
    return "\n".join(p for p in parts if p)


def _harmless(text: str) -> str:
    """Text whose `<|im_start|>` and the like are only words: all of Qwen's control tokens begin with `<|`."""
    return text.replace("<|", "< |").strip()
