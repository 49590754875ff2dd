"""A conversation as ChatML text for models of the Qwen2.5 family: rendering, and fitting it into the window.

We render the template ourselves because the prefix cache of llama.cpp needs every turn to repeat the text of the
turn before it to the letter, and because nothing that a caller says may become a control token.
"""

from __future__ import annotations

from dataclasses import replace

from vivavoce.ports import EngineError, Message, Prompt

SPOKEN_STYLE = (
    "Your words are spoken aloud. Unless asked for more, answer in at most two short spoken sentences; the first one"
    " is the shortest possible answer. No lists, no markdown."
)
"""How a spoken answer should sound. It stands behind the instructions, in the part of the text that never changes,
so it costs prefill once per session; a line in each turn obeyed no better and cost some 20 tokens a turn."""

TOKENS_PER_BYTE = 1 / 3.5
"""A careful guess for prose: English has 4.3 bytes a token, most other languages 3 to 4 (Qwen2.5's tokenizer)."""

_TURN_TOKENS = 5  # what the markers around a message add: <|im_start|>, role, newline, <|im_end|>, newline


def render(prompt: Prompt) -> str:
    """The whole prompt, up to where the assistant's answer begins."""
    return "".join(_turn(role, text) for role, text in _turns(prompt)) + "<|im_start|>assistant\n"


def render_prefix(prompt: Prompt) -> str:
    """What `render` of this conversation's next answer will begin with: the user's last words stay open."""
    turns = _turns(prompt)
    last = turns.pop()[1] if turns and turns[-1][0] == "user" else ""
    return "".join(_turn(role, text) for role, text in turns) + f"<|im_start|>user\n{last}"


def fit(prompt: Prompt, room: int, tokens_per_byte: float = TOKENS_PER_BYTE) -> Prompt:
    """The prompt without its oldest messages, so that it takes about `room` tokens.

    Never drops the instructions, nor anything from the last user message on. Messages go in blocks of half the
    room, counted from the conversation's start: the cut then stays where it is for many turns, and so does the
    cached prefix (dropping one message a turn would mean a cold prefill each turn).
    """
    sizes = [(len(_text(m).encode()) * tokens_per_byte + _TURN_TOKENS) for m in prompt.messages]
    fixed = len(_system(prompt).encode()) * tokens_per_byte + 2 * _TURN_TOKENS
    room_for_messages = max(room - fixed, 0)
    excess = sum(sizes) - room_for_messages
    if excess <= 0:
        return prompt
    block = room_for_messages / 2 or 1.0
    to_drop = -(-excess // block) * block
    keep_from, dropped = 0, 0.0
    while keep_from < _last_user(prompt) and (dropped < to_drop or prompt.messages[keep_from].role == "assistant"):
        dropped += sizes[keep_from]
        keep_from += 1
    return replace(prompt, messages=prompt.messages[keep_from:])


def can_shorten(prompt: Prompt) -> bool:
    """Whether `fit` could drop anything."""
    return _last_user(prompt) > 0


def _last_user(prompt: Prompt) -> int:
    """Index of the last user message; of the last message when no user spoke."""
    users = [i for i, m in enumerate(prompt.messages) if m.role == "user"]
    return users[-1] if users else max(len(prompt.messages) - 1, 0)


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
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def _system(prompt: Prompt) -> str:
    style = SPOKEN_STYLE if prompt.spoken else ""
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
