"""One session over one connection: what that server is asked, and what it tells, sorted by answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import count

import msgspec

from vivavoce.engines.realtime.answer import Answer
from vivavoce.engines.realtime.events import Event, Fault
from vivavoce.engines.realtime.history import Wanted
from vivavoce.engines.realtime.link import Json, Link, Remote
from vivavoce.engines.realtime.mirror import Mirror
from vivavoce.engines.realtime.settings import beside, misheard, overrides, session
from vivavoce.ports import EngineError, Prompt

REQUEST = "request"
"""The metadata by which an answer is known before that server gives it an id."""
HARMLESS = ("delete", "cancel")
"""What may come too late: the item, or the answer, is gone already."""
TOO_LATE = "response_cancel_not_active"
"""The same, from a server that does not say what it refuses."""

_log = logging.getLogger(__name__)


class Answers:
    """Those in progress on one connection."""

    def __init__(self) -> None:
        self.default: Answer | None = None
        """The one that belongs to the conversation."""
        self._asked: dict[str, Answer] = {}
        """Those that have no id yet, by their key."""
        self._begun: dict[str, Answer] = {}
        self._words: dict[str, str] = {}
        """The transcript so far of each item."""

    @property
    def deaf(self) -> bool:
        """One that belongs to the conversation is still being made, and nobody listens to it."""
        return self.default is not None and self.default.left

    def add(self, answer: Answer) -> None:
        """It has been asked for."""
        self._asked[answer.key] = answer
        if answer.in_band:
            self.default = answer

    def began(self, event: Event) -> Answer | None:
        """The answer that has begun, whose id is known now."""
        response = event.response
        if response is None or not self._asked:
            return None
        # Not every server repeats metadata; those that do not answer in the order of the requests.
        key = (response.metadata or {}).get(REQUEST, next(iter(self._asked)))
        answer = self._asked.pop(key, None)
        if answer is not None:
            answer.id = response.id
            self._begun[response.id] = answer
        return answer

    def of(self, event: Event) -> Answer | None:
        """The answer that an event is about."""
        return self._begun.get(event.response_id or (event.response.id if event.response else ""))

    def refused(self, key: str) -> Answer | None:
        """What was asked for as `key`; without one: the only one that may be meant."""
        waiting = [each for each in self._asked.values() if not each.left]
        return self._asked.get(key) if key else waiting[0] if len(waiting) == 1 else None

    def remainder(self, event: Event) -> Event:
        """The end of a transcript as one more piece of it, if the pieces did not say all."""
        item_id, kind = event.item_id or "", event.type.rpartition(".")[0]
        if kind not in ("response.output_text", "response.output_audio_transcript"):
            return event
        before = self._words.get(item_id, "")
        whole = event.text or event.transcript or ""
        if event.type.endswith(".done"):
            rest = whole[len(before) :] if whole.startswith(before) else ""
            event = msgspec.structs.replace(event, type=f"{kind}.delta", delta=rest)
        self._words[item_id] = before + (event.delta or "")
        return event

    def over(self, answer: Answer) -> None:
        """Nothing more comes of it."""
        self._asked.pop(answer.key, None)
        self._begun.pop(answer.id or "", None)
        if answer is self.default:
            self.default = None
        if not self._begun:
            self._words.clear()

    def drop(self, answer: Answer, why: EngineError | None = None) -> None:
        """Nothing more is expected of it."""
        self.over(answer)
        answer.end(why)

    def lost(self, why: EngineError) -> None:
        """Nothing more comes of any of them."""
        for answer in (*self._asked.values(), *self._begun.values()):
            self.drop(answer, why)


class Conversation:
    """One session on one connection. Nothing but `open` before it is open."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.link: Link
        self._mirror = Mirror(self._post)
        self._answers = Answers()
        self._settings: Json | None = None
        self._prompt: Prompt | None = None
        """Whose settings they are."""
        self._numbers = count(1)
        self._news = asyncio.Event()

    @property
    def busy(self) -> bool:
        """An answer is being made that belongs to the conversation, and somebody listens to it."""
        return self._answers.default is not None and not self._answers.default.left

    @property
    def known(self) -> set[object]:
        """The keys of all that is held there."""
        return self._mirror.known

    async def open(self) -> None:
        """Connect. Raises `EngineError`."""
        self.link = await self._remote.connect(self.take)
        self.link.over.add_done_callback(lambda over: self._lost(over.result()))

    async def at_rest(self) -> None:
        """Wait until an answer that nobody listens to has ended, and every item has its id. Raises `EngineError`."""
        patience = self._remote.patience
        await self._until(lambda: self._mirror.settled, patience.first, "acknowledged nothing for")
        await self._until(lambda: not self._answers.deaf, patience.cancelled, "went on with what was cancelled for")

    async def _until(self, condition: Callable[[], bool], patience: float, what: str) -> None:
        try:
            async with asyncio.timeout(patience):
                self.link.check()
                while not condition():
                    self._news.clear()
                    await self._news.wait()
                    self.link.check()
        except TimeoutError:
            why = self._remote.lost(f"{what} {patience:g} s", "engine_timeout")
            self.link.end(why)
            raise why from None

    def prepare(self, prompt: Prompt, items: Sequence[Wanted]) -> None:
        """Bring it in line as far as it goes without beginning to answer: a turn that may go on stays in the buffer."""
        self._update(prompt)
        voice = items[-1].voice if items else None
        if voice is None or items[-1].key in self.known:
            self._mirror.align(items)
            return
        self._mirror.align(items[:-1])
        self._mirror.hear(voice)

    def ask(self, prompt: Prompt, items: Sequence[Wanted], aside: bool) -> Answer:
        """Have it answered. `aside`: beside the conversation, which stays as it is. Raises `EngineError`."""
        answer = Answer(f"vv{next(self._numbers)}", not aside)
        params: dict[str, object] = {"metadata": {REQUEST: answer.key}, **overrides(prompt, aside)}
        told = prompt
        if aside and self._prompt is not None:
            told = beside(prompt, self._prompt)
            if self.busy and told.voice != self._prompt.voice:
                raise self._remote.failure("unsupported", "cannot change `speed` while it gives another answer")
        self._update(told)
        if aside:
            params["input"] = self._mirror.references(items)
        else:
            self._mirror.align(items)
        self._answers.add(answer)
        self._post(f"answer_{answer.key}", {"type": "response.create", "response": params})
        return answer

    def leave(self, answer: Answer) -> None:
        """Nobody listens any more: it is to stop, and what still comes of it is dropped."""
        answer.leave()
        if answer.id is None or answer.over.done():
            return
        self._post("cancel", {"type": "response.cancel", "response_id": answer.id})
        if not answer.in_band:  # no prompt waits for its end
            patience = self._remote.patience.cancelled
            given_up = asyncio.get_running_loop().call_later(patience, self._answers.drop, answer)
            answer.over.add_done_callback(lambda _: given_up.cancel())

    def take(self, event: Event) -> None:
        """What that server tells."""
        match event.type:
            case "error":
                self._refused(event.fault)
            case "session.updated" if event.session is not None:
                if said := misheard(event.session):
                    self.link.end(self._remote.failure("engine_failed", said))
            case "input_audio_buffer.committed":
                self._mirror.committed(event.item_id or "")
            case "response.created":
                answer = self._answers.began(event)
                if answer is not None and answer.left:
                    self.leave(answer)
            case _:
                if answer := self._answers.of(event):
                    self._told(answer, self._answers.remainder(event))
        self._news.set()

    def _told(self, answer: Answer, event: Event) -> None:
        if answer.in_band:
            self._mirror.answering(answer.id or "", event)
        done = event.type == "response.done"
        if done:
            self._answers.over(answer)
        answer.put(event)
        if done:
            answer.end()
        elif answer.full:
            # To stop reading is no choice: its pings would wait behind the rest, and it would hang up.
            self.link.end(self._remote.failure("engine_failed", "sent far more than can wait to be heard"))

    def _refused(self, fault: Fault) -> None:
        kind, _, key = (fault.event_id or "").partition("_")
        answer = self._answers.refused(key) if kind in ("answer", "") else None
        if fault.code == "session_expired":
            self.link.end(self._remote.lost("ended the session, whose time was over"))
        elif kind in HARMLESS or (not kind and fault.code == TOO_LATE):
            _log.debug("the realtime server refused to %s: %s", kind, fault.code)
        elif answer is not None and kind:
            self._answers.drop(answer, self._remote.said(fault))
        elif answer is not None or kind:
            # Where it does not say what it refused, it may answer all the same; or what it holds is not what it should
            # hold: only a new beginning is certain.
            self.link.end(self._remote.said(fault))
        else:
            _log.warning("the realtime server reports %s: %s", fault.code, self._remote.plain(fault.message or ""))

    def _lost(self, why: EngineError) -> None:
        self._answers.lost(why)
        self._news.set()

    def _update(self, prompt: Prompt) -> None:
        settings = session(prompt, self._settings)
        if settings != self._settings:
            self._settings, self._prompt = settings, prompt
            self._post("update", {"type": "session.update", "session": settings})

    def _post(self, kind: str, event: Json) -> None:
        name = kind if "_" in kind else f"{kind}_{next(self._numbers)}"
        self.link.post({"event_id": name, **event})
