"""Whatever comes in whatever order: passages are told in order, one translation at a time, and every close closes."""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.core.caller import pcm, said
from tests.core.speaker import CAN, Speaker

from vivavoce.core import effects as fx
from vivavoce.protocol import translation as wire
from vivavoce.protocol.server import ErrorEvent


class Interpreting(RuleBasedStateMachine):
    """A speaker, and engines that are slow, fail, or answer in another order than they were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker = Speaker(input={"transcription": {"model": "base"}})
        self.transcribing: list[str] = []
        self.translating: deque[str] = deque()
        self.said: list[str] = []
        """Words in the order in which they were said: passages are numbered as they are asked about."""
        self.captions = ""
        self.asked = ""
        self.elapsed = 0
        self.closing = self.closed = False
        self.steps = 0

    def take(self, outputs: list[fx.TranslationOutput]) -> None:
        self.steps += 1
        assert not self.closed or all(isinstance(output, ErrorEvent) for output in outputs)
        for output in outputs:
            match output:
                case fx.Transcribe(tentative=False):
                    self.transcribing.append(output.item_id)
                    self.said.append(output.item_id)
                case fx.StartResponse():
                    self.translating.append(output.response_id)
                    text = said(output.context.items[0]).content[0]
                    self.asked += f" {getattr(text, 'text', '').partition(': ')[2]}"
                case wire.InputTranscriptDelta():
                    self.captions += output.delta
                case wire.SessionClosed():
                    assert self.closing
                    assert not self.transcribing
                    assert not self.translating
                    self.closed = True
                case _:
                    pass
            elapsed = getattr(output, "elapsed_ms", None)
            if isinstance(output, wire.OutputTranscriptDelta | wire.OutputAudioDelta):
                assert elapsed is not None
                assert elapsed >= self.elapsed
                self.elapsed = elapsed

    @precondition(lambda self: not self.closing)
    @rule(voice=st.integers(1, 400), pause=st.sampled_from([0, 3, 6, 16]))
    def speak(self, voice: int, pause: int) -> None:
        self.take([*self.speaker.hear(voice * 32, 0.9), *self.speaker.hear(pause * 32, 0.0)])

    @precondition(lambda self: self.transcribing)
    @rule(data=st.data(), fails=st.booleans(), silent=st.booleans())
    def understand(self, data: st.DataObject, fails: bool, silent: bool) -> None:
        item = data.draw(st.sampled_from(self.transcribing))
        self.transcribing.remove(item)
        if fails or silent:
            self.said.remove(item)
        if fails:
            self.take(self.speaker.tell(fx.TranscriptMissing(item_id=item, code="engine_failed", message="Broken.")))
        else:
            self.take(self.speaker.understood("" if silent else item, item))

    @precondition(lambda self: self.translating)
    @rule(ms=st.integers(0, 900), ends=st.sampled_from(["no", "stop", "stop", "length", "failed"]))
    def translate(self, ms: int, ends: str) -> None:
        response = self.translating[0]
        self.take([*self.speaker.words("So.", response), *self.speaker.sound(ms, response)])
        if ends == "no":
            return
        self.translating.popleft()
        self.take(self.end(response, ends))

    def end(self, response: str, how: str) -> list[fx.TranslationOutput]:
        if how == "failed":
            return self.speaker.tell(fx.AnswerFailed(response_id=response, code="engine_failed", message="Broken."))
        return self.speaker.tell(
            fx.AnswerFinished(response_id=response, reason="length" if how == "length" else "stop")
        )

    @rule(language=st.sampled_from([*CAN.output_languages, "xx"]))
    def update(self, language: str) -> None:
        self.take(self.speaker.update(output={"language": language}))
        self.take(self.speaker.words("Nobody asked.", "resp_0"))

    # Early ones are no news: teardown closes too.
    @precondition(lambda self: self.steps > 30)
    @rule()
    def close(self) -> None:
        self.closing = True
        self.take(self.speaker.close())
        if self.closing and not self.closed:
            self.take(self.speaker.tell(fx.AudioIn(pcm=pcm(20))))

    @invariant()
    def one_at_a_time(self) -> None:
        assert len(self.translating) <= 1
        assert len(self.transcribing) <= 2

    def teardown(self) -> None:
        self.closing = True
        self.take(self.speaker.close())
        while self.transcribing or self.translating:
            if self.transcribing:
                item = self.transcribing.pop(0)
                self.take(self.speaker.understood(item, item))
            else:
                self.take(self.end(self.translating.popleft(), "stop"))
        assert self.closed
        assert self.captions.split() == self.said
        assert self.asked.split() == self.said


Interpreting.TestCase.settings = settings(max_examples=60, stateful_step_count=40, report_multiple_bugs=False)
TestInterpreting = Interpreting.TestCase
