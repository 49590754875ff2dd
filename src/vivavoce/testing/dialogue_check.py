"""The contract of `Dialogue` for `vivavoce.testing.conformance`: a session is its own, and keeps nothing else.

What a model knows shows in what it counts: the same prompt takes the same tokens, whatever was asked before it.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from vivavoce.ports import Dialogue, Finished, Message, Prompt, Responder
from vivavoce.testing.probes import Probe, require

SECRET = Message("user", ("My secret is a word that nobody else may ever hear from you, whatever they ask.",))
GUESS = Message("user", ("I was about to say something else altogether, and then I did not say it at all.",))


async def check_dialogues(probe: Probe, engine: Responder, asked: Prompt) -> None:
    """`asked` is a prompt that is answered in writing."""
    async with aclosing(engine.open()) as first:
        alone = await _tokens(probe, first, asked, "A written answer")
        secret = replace(asked, messages=(SECRET,))
        await _tokens(probe, first, secret, "An answer to another conversation")
        same = await _tokens(probe, first, asked, "The same prompt again")
        sentence = f"The same prompt takes {alone} tokens, and {same} after another one: its session remembers that."
        require(same == alone, sentence)
        await probe.within(first.warm(replace(asked, messages=(*asked.messages, GUESS))), "Warming")
        same = await _tokens(probe, first, asked, "A prompt after a guess")
        sentence = f"The same prompt takes {alone} tokens, and {same} after a guess that was wrong: it is remembered."
        require(same == alone, sentence)
        await _tokens(probe, first, secret, "An answer to another conversation")
        async with aclosing(engine.open()) as second:
            other = await _tokens(probe, second, asked, "The same prompt in another session")
            sentence = f"The same prompt takes {alone} tokens in one session and {other} in another: they mix."
            require(other == alone, sentence)
        await _tokens(probe, first, asked, "An answer after the end of another session")


async def _tokens(probe: Probe, dialogue: Dialogue, prompt: Prompt, what: str) -> int:
    parts = await probe.within(probe.take(dialogue.respond(prompt)), what)
    last = parts[-1] if parts else None
    require(isinstance(last, Finished), f"{what} does not end in `Finished`.")
    assert isinstance(last, Finished)
    return last.usage.input_tokens
