"""The conformance checks pass engines that keep the contract, and name what each broken one breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import pytest
from tests.patience import BUSY
from tests.testing.broken_callers import (
    CarefreeLlm,
    DoggedLlm,
    HastyLlm,
    HeadlessLlm,
    PushyLlm,
    ShyLlm,
    SloppyLlm,
    StutteringLlm,
    TrailingLlm,
)
from tests.testing.broken_engines import (
    AnyVoiceTts,
    AsciiTts,
    BackwardsResponder,
    BlockingDetector,
    CarelessVad,
    ClingingLlm,
    ComputingTts,
    CredulousResponder,
    DeafAsr,
    DeafLlm,
    EmptyChunkTts,
    EndlessLlm,
    FewVoicesTts,
    ForeignVoiceTts,
    ForgetfulVad,
    FragileAsr,
    HalfTimedTts,
    HangingLlm,
    HearingLlm,
    InstantResponder,
    InventiveAsr,
    JumpyVad,
    LateResponder,
    LateTimesTts,
    LazyLlm,
    LeakyDetector,
    LeakyResponder,
    LongWindedTts,
    MixingAsr,
    NervousLlm,
    NeverSureAsr,
    OneEarLlm,
    OneLineResponder,
    OnePaceTts,
    OvercountingLlm,
    OverlongTts,
    PickyDetector,
    RememberingResponder,
    RewindingTts,
    SecretLlm,
    SharedLlm,
    SlowVad,
    SpeechlessTts,
    SpellingLlm,
    StrangeCatalogueTts,
    StubbornLlm,
    TimedTts,
    UnlimitedLlm,
    UnsureDetector,
    WildVad,
    WritingResponder,
)
from tests.testing.broken_reducers import (
    AnyRateReducer,
    CarriedOverReducer,
    ChoppyReducer,
    HeavyHandedReducer,
    HoardingReducer,
    LazyReducer,
    LossyReducer,
)

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import (
    InstantAsr,
    InstantLlm,
    InstantTts,
    InstantTurnDetector,
    InstantVad,
)
from vivavoce.engines.openai.asr import OpenAiAsr
from vivavoce.engines.openai.chat_audio import ChatAudio
from vivavoce.engines.openai.http import Net
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.tts import OpenAiTts
from vivavoce.ports import OPENAI_VOICES
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.conformance import (
    Bounds,
    ConformanceError,
    Report,
    check_asr,
    check_llm,
    check_noise_reducer,
    check_responder,
    check_tts,
    check_turn_detector,
    check_vad,
)
from vivavoce.testing.fakes import FadingReducer
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_audio import Hears, Speaks
from vivavoce.testing.script import sound

Check = Callable[[], Coroutine[object, object, Report]]

SPEECH = Pcm.join(sound(600, 16_000), 16_000)
STRICT = Bounds(lag_ms=300, stall_ms=300, stop_s=0.3, patience_s=3, concurrent=3)
EASY = replace(STRICT, lag_ms=5000, stall_ms=10_000)
"""For the checks that are about something else, on a machine that is busy with other things."""


def test_the_instant_engines_keep_the_contract() -> None:
    async def main() -> list[Report]:
        return [
            await check_vad(InstantVad(), bounds=EASY),
            await check_noise_reducer(FadingReducer(), bounds=EASY),
            await check_turn_detector(InstantTurnDetector(delay=0.1), bounds=EASY),
            await check_asr(InstantAsr(delay=0.1), SPEECH, bounds=EASY),
            await check_llm(InstantLlm(delay=0.1), bounds=EASY),
            await check_tts(InstantTts(delay=0.1), bounds=EASY),
            await check_tts(TimedTts(), bounds=EASY),
            await check_responder(Cascade(InstantLlm(), InstantTts()), SPEECH, bounds=EASY),
            await check_responder(InstantResponder(), SPEECH, bounds=EASY),
            await check_llm(HearingLlm(), bounds=EASY),
            await check_responder(Cascade(HearingLlm(), InstantTts()), SPEECH, bounds=EASY),
        ]

    assert all(report.max_lag_ms <= EASY.lag_ms for report in run_virtual(main()))


def test_the_remote_engines_keep_the_contract() -> None:
    async def main() -> None:
        net = Net(backoff=0.01)
        async with (
            aclosing(OpenAiAsr(server.base_url, "any", net=net)) as asr,
            aclosing(OpenAiLlm(server.base_url, "any", net=net, prewarm=True)) as llm,
            aclosing(OpenAiTts(server.base_url, "any", net=net)) as tts,
        ):
            await check_asr(asr, SPEECH, bounds=BUSY)
            await check_llm(llm, bounds=BUSY)
            await check_tts(tts, bounds=BUSY)

    with RemoteServer() as server:
        asyncio.run(main())


@pytest.mark.parametrize("style", ["openai", "vllm-omni", "qwen"])
def test_the_remote_models_that_hear_and_speak_keep_the_contract(style: Literal["openai", "vllm-omni", "qwen"]) -> None:
    async def main() -> None:
        llm = OpenAiLlm(server.base_url, "any", net=Net(backoff=0.01), hears="input_audio", prewarm=True)
        ethan = dict.fromkeys(OPENAI_VOICES, "ethan")
        omni = style == "vllm-omni"
        responder = ChatAudio(
            llm,
            voice_map=ethan if omni else None,
            voice_field="speaker" if omni else "audio",
            audio_format="pcm16" if style == "openai" else "wav",
        )
        async with aclosing(responder):
            await check_llm(llm, bounds=BUSY)
            await check_responder(responder, SPEECH, bounds=BUSY)

    with RemoteServer(hears=Hears(), speaks=Speaks(style)) as server:
        asyncio.run(main())


BROKEN: list[tuple[Check, str]] = [
    (lambda: check_vad(ForgetfulVad(), bounds=EASY), "changes another's"),
    (lambda: check_vad(WildVad(), bounds=EASY), "not between 0 and 1"),
    (lambda: check_vad(JumpyVad(), bounds=EASY), "Silence has a probability of 0.70"),
    (lambda: check_vad(CarelessVad(), bounds=EASY), "0 samples at 16000 Hz was accepted"),
    (lambda: check_vad(SlowVad(), bounds=EASY, frame_ms=1.0), "1 are allowed"),
    (lambda: check_noise_reducer(LossyReducer(), bounds=EASY), "Of 24792 samples 24292 came out"),
    (lambda: check_noise_reducer(HoardingReducer(), bounds=EASY), "held back; 40 are allowed"),
    (lambda: check_noise_reducer(ChoppyReducer(), bounds=EASY), "depends on how the audio was cut"),
    (lambda: check_noise_reducer(HeavyHandedReducer(), bounds=EASY), "Strength 0 changes the audio"),
    (lambda: check_noise_reducer(LazyReducer(), bounds=EASY), "Noise has lost 3.2 dB"),
    (lambda: check_noise_reducer(CarriedOverReducer(), bounds=EASY), "changes another's"),
    (lambda: check_noise_reducer(AnyRateReducer(), bounds=EASY), "Audio at 8000 Hz was accepted"),
    (lambda: check_turn_detector(UnsureDetector(), bounds=EASY), "One turn gives 1.000 and 0"),
    (lambda: check_turn_detector(PickyDetector(), bounds=EASY), "A turn of 0 s raised IndexError"),
    (lambda: check_turn_detector(LeakyDetector(), bounds=EASY), "`running` is still 1, 0.3 s after a turn was canc"),
    (lambda: check_asr(InventiveAsr(), SPEECH, bounds=EASY), "Silence gives a text"),
    (lambda: check_asr(NeverSureAsr(), SPEECH, bounds=EASY), "not final"),
    (lambda: check_asr(MixingAsr(), SPEECH, bounds=EASY), "they mix"),
    (lambda: check_asr(FragileAsr(), SPEECH, bounds=EASY), "A turn of 0 samples raised IndexError"),
    (lambda: check_asr(DeafAsr(), SPEECH, bounds=EASY), "Speech gives an empty text"),
    (lambda: check_llm(EndlessLlm(), bounds=EASY), "does not end in `Finished`"),
    (lambda: check_llm(UnlimitedLlm(), bounds=EASY), "cut at its limit does not say so"),
    (lambda: check_llm(SharedLlm(), bounds=EASY), "Two answers in turns raised|does not end in `Finished`"),
    (lambda: check_llm(StubbornLlm(), bounds=EASY), "`running` is still 1"),
    (lambda: check_llm(ClingingLlm(), bounds=EASY), "Closing an answer took longer than 0.3 s"),
    (lambda: check_llm(NervousLlm(), bounds=EASY), "An empty prompt raised IndexError"),
    (lambda: check_llm(LazyLlm(delay=0.01), bounds=EASY), "failed: engine_unavailable, One at a time"),
    (lambda: check_llm(SecretLlm(), bounds=EASY), "`running` was 0 during every call"),
    (lambda: check_llm(HangingLlm(), bounds=EASY), "An answer took longer than 3 s"),
    (lambda: check_llm(ShyLlm(), bounds=EASY), "set_light must be called, and is not"),
    (lambda: check_llm(HastyLlm(), bounds=EASY), "'set_light' is called, which may not be"),
    (lambda: check_llm(PushyLlm(), bounds=EASY), "A tool is called though none may be"),
    (lambda: check_llm(SloppyLlm(), bounds=EASY), "arguments of set_light are wrong: Expecting|Unterminated"),
    (lambda: check_llm(CarefreeLlm(), bounds=EASY), "'room' is a required property"),
    (lambda: check_llm(TrailingLlm(), bounds=EASY), "The call of set_light does not end"),
    (lambda: check_llm(StutteringLlm(), bounds=EASY), "begins before the one before it has ended"),
    (lambda: check_llm(HeadlessLlm(), bounds=EASY), "Arguments come outside of a call"),
    (lambda: check_llm(DoggedLlm(), bounds=EASY), "`running` is still 1, 0.3 s after a call was closed"),
    (lambda: check_responder(Cascade(PushyLlm(), InstantTts()), SPEECH, bounds=EASY), "called though none may be"),
    (lambda: check_tts(LongWindedTts(), bounds=EASY), "100 are allowed"),
    (lambda: check_tts(AnyVoiceTts(), bounds=EASY), "An unknown voice was accepted"),
    (lambda: check_tts(OnePaceTts(), bounds=EASY), "at speed 0.7"),
    (lambda: check_tts(FewVoicesTts(), bounds=EASY), "missing: ballad"),
    (lambda: check_tts(StrangeCatalogueTts(), bounds=EASY), "The catalogue has other voices"),
    (lambda: check_tts(ForeignVoiceTts(), bounds=EASY), "are not the engine's"),
    (lambda: check_tts(SpeechlessTts(), bounds=EASY), "are not ISO-639-1 codes"),
    (lambda: check_tts(EmptyChunkTts(), bounds=EASY), "is empty"),
    (lambda: check_tts(AsciiTts(), bounds=EASY), "raised UnicodeEncodeError"),
    (lambda: check_tts(LateTimesTts(), bounds=EASY), "A word's time .349 ms. comes after its audio"),
    (lambda: check_tts(RewindingTts(), bounds=EASY), "Times of words go back"),
    (lambda: check_tts(OverlongTts(), bounds=EASY), "A word ends after 799 ms, in a clause of 700 ms"),
    (lambda: check_tts(HalfTimedTts(), bounds=EASY), "The times end at character 5 of 12"),
    (lambda: check_llm(DeafLlm(), bounds=EASY), "A voice of 600 ms takes no tokens: it is not heard"),
    (lambda: check_llm(SpellingLlm(), bounds=EASY), "a voice whose words nobody recognises took longer than 3 s"),
    (lambda: check_llm(OneEarLlm(), bounds=EASY), "beside one another .30, 30.: they mix"),
    (lambda: check_llm(OvercountingLlm(), bounds=EASY), "takes more tokens than the whole prompt"),
    (lambda: check_responder(Cascade(DeafLlm(), InstantTts()), SPEECH, bounds=EASY), "it is not heard"),
    (lambda: check_responder(WritingResponder(), SPEECH, bounds=EASY), "A spoken answer has a TextDelta"),
    (lambda: check_responder(LateResponder(), SPEECH, bounds=EASY), "`Began` comes late"),
    (lambda: check_responder(BackwardsResponder(), SPEECH, bounds=EASY), "before the words"),
    (lambda: check_responder(LeakyResponder(), SPEECH, bounds=EASY), "in another: they mix"),
    (lambda: check_responder(RememberingResponder(), SPEECH, bounds=EASY), "its session remembers that"),
    (lambda: check_responder(CredulousResponder(), SPEECH, bounds=EASY), "after a guess that was wrong"),
    (lambda: check_responder(OneLineResponder(), SPEECH, bounds=EASY), "The connection is closed"),
]


@pytest.mark.parametrize(("check", "sentence"), BROKEN, ids=[sentence for _, sentence in BROKEN])
def test_a_broken_engine_is_named(check: Check, sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        run_virtual(check())


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_turn_detector(BlockingDetector(), bounds=STRICT),
        lambda: check_tts(ComputingTts(), bounds=STRICT),
    ],
)
def test_an_engine_that_holds_up_the_loop_is_named(check: Check) -> None:
    with pytest.raises(ConformanceError, match=r"event loop was held up for \d+ ms; 300 ms are allowed"):
        asyncio.run(check())
