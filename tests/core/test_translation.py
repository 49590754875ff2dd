"""A translation session from the first word to the last: what goes in, and exactly what comes out."""

from __future__ import annotations

from msgspec.structs import replace
from tests.core.caller import error, pcm, refusal, said, show, tags
from tests.core.speaker import CAN, Speaker, asked, passages

from vivavoce.core import effects as fx
from vivavoce.protocol import translation as wire
from vivavoce.protocol.items import InputText
from vivavoce.protocol.session import PCM_24K


def test_it_begins_with_its_session_and_prepares_the_first_translation() -> None:
    created, warm = Speaker().started
    assert isinstance(created, wire.SessionCreated)
    assert created.event_id == "event_1"
    assert created.session.audio.output.language == "en"
    assert isinstance(warm, fx.Warm)
    assert warm.context.plain
    assert said(warm.context.items[0]).content == (InputText("Translate into English: "),)


def test_the_callers_audio_is_24_khz_pcm() -> None:
    assert Speaker().core.input_format == PCM_24K


def test_a_passage_is_transcribed_translated_and_spoken() -> None:
    speaker = Speaker()
    hint = "hint=(model='whisper-1' language=auto prompt=None)"
    assert show(speaker.say()) == [
        f"transcribe item_id=item_1 pcm=35328B voice_end=15360 tentative=True telephone=False {hint}",
        f"transcribe item_id=item_1 pcm=49152B voice_end=15360 tentative=False telephone=False {hint}",
    ]
    (start,) = speaker.understood("Guten Morgen.")
    assert isinstance(start, fx.StartResponse)
    assert start.context.plain
    assert start.context.voice == "alloy"
    assert "into English" in start.context.instructions
    assert said(start.context.items[0]).content == (InputText("Translate into English: Guten Morgen."),)
    assert tags(speaker.tell(fx.AnswerBegan(response_id="resp_1"))) == []
    assert show(speaker.words("Good morning.")) == [
        "session.output_transcript.delta delta='Good morning.' elapsed_ms=800"
    ]
    assert speaker.tell(fx.AnswerTimes(response_id="resp_1", ends=((4, 2400),))) == []
    assert speaker.sound(100) == []
    audio = "sample_rate=24000 channels=1 format=pcm16 elapsed_ms=800"
    assert show(speaker.sound(100)) == [f"session.output_audio.delta delta=9600B {audio}"]
    assert show(speaker.sound(350)) == [f"session.output_audio.delta delta=9600B {audio}"]
    assert show(speaker.finish()) == [f"session.output_audio.delta delta=7200B {audio}"]


def test_captions_come_when_they_are_asked_for_and_bring_their_own_spaces() -> None:
    speaker = Speaker(input={"transcription": {"model": "base"}})
    speaker.say()
    assert tags(speaker.understood("Guten Morgen.")) == ["session.input_transcript.delta", "start_response"]
    speaker.say()
    (second,) = speaker.understood("Wie geht es?", "item_2")
    assert isinstance(second, wire.InputTranscriptDelta)
    assert (second.delta, second.elapsed_ms) == (" Wie geht es?", 1800)


def test_translations_bring_their_own_spaces_too() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.understood("Eins.")
    deltas = [*speaker.words("One,"), *speaker.words(" two."), *speaker.finish()]
    speaker.say()
    speaker.understood("Drei.", "item_2")
    deltas += speaker.words("Three.", "resp_2")
    told = [delta.delta for delta in deltas if isinstance(delta, wire.OutputTranscriptDelta)]
    assert told == ["One,", " two.", " Three."]


def test_the_speaker_goes_on_while_a_translation_is_spoken() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.understood("Eins.")
    speaker.words("One.")
    assert tags(speaker.say()) == ["transcribe", "transcribe"]
    assert asked(speaker.understood("Zwei.", "item_2")) == []
    assert asked(speaker.finish()) == ["Zwei."]


def test_what_belongs_to_no_translation_in_progress_is_dropped() -> None:
    speaker = Speaker()
    assert speaker.words("Nobody asked.") == []
    speaker.say()
    speaker.understood("Eins.")
    assert speaker.words("Another.", "resp_9") == []


def test_passages_stay_in_order_whichever_is_understood_first() -> None:
    speaker = Speaker(input={"transcription": {"model": "base"}})
    speaker.say()
    speaker.say()
    assert speaker.understood("Zwei.", "item_2") == []
    outputs = speaker.understood("Eins.", "item_1")
    assert [output.delta for output in outputs if isinstance(output, wire.InputTranscriptDelta)] == ["Eins.", " Zwei."]
    assert asked(outputs) == ["Eins."]


def test_noise_is_not_translated() -> None:
    speaker = Speaker(input={"transcription": {"model": "base"}})
    speaker.say()
    assert speaker.understood("") == []


def test_a_passage_that_may_be_over_is_looked_at_only_once_more() -> None:
    speaker = Speaker()
    early = [output for output in speaker.hear(640, 0.9) + speaker.hear(128, 0.0) if isinstance(output, fx.Transcribe)]
    later = [output for output in speaker.hear(320, 0.9) + speaker.hear(416, 0.0) if isinstance(output, fx.Transcribe)]
    assert [(each.item_id, each.tentative) for each in early + later] == [
        ("item_1", True),
        ("item_1", True),
        ("item_1", False),
    ]


def test_an_update_changes_what_is_present_and_shows_everything() -> None:
    speaker = Speaker()
    outputs = speaker.update(output={"language": "de-AT"}, input={"noise_reduction": {"type": "far_field"}})
    assert tags(outputs) == ["session.updated", "warm"]
    (updated,) = speaker.update(input={"transcription": {"model": "whisper-1"}})
    assert isinstance(updated, wire.SessionUpdated)
    audio = updated.session.audio
    assert audio.output.language == "de"
    assert audio.input.transcription == wire.Captions("whisper-1")
    assert audio.input.noise_reduction is not None
    assert (audio.input.noise_reduction.type, audio.input.noise_reduction.strength) == ("far_field", 1.0)
    (off,) = speaker.update(input={"transcription": None, "noise_reduction": None})
    assert isinstance(off, wire.SessionUpdated)
    assert off.session.audio.input == wire.Input()
    assert tags(speaker.send("session.update", session={})) == ["session.updated"]


def test_the_next_translation_is_into_the_new_language() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.update(output={"language": "de"})
    (start,) = speaker.understood("Good morning.")
    assert isinstance(start, fx.StartResponse)
    assert "into German" in start.context.instructions


def test_what_cannot_be_done_is_refused_by_name_and_changes_nothing() -> None:
    speaker = Speaker()
    language = speaker.update(output={"language": "fr"}, input={"transcription": {"model": "base"}})
    assert error(language).message == "Invalid value: 'fr'. Supported values are: 'en' and 'de'."
    assert refusal(language) == ("invalid_value", "session.audio.output.language")
    model = speaker.update(input={"transcription": {"model": "other"}})
    assert refusal(model) == ("invalid_value", "session.audio.input.transcription.model")
    for key in ("type", "model", "instructions"):
        wrong = speaker.send("session.update", session={key: "translation"}, event_id="mine")
        assert refusal(wrong) == ("unknown_parameter", f"session.{key}")
        assert error(wrong).event_id == "mine"
    no_noise = Speaker(can=replace(CAN, noise_reduction=False))
    refused = no_noise.update(input={"noise_reduction": {"type": "near_field"}})
    assert refusal(refused) == ("unsupported_value", "session.audio.input.noise_reduction")
    assert speaker.core.settings.audio == wire.Audio(output=wire.Output("en"))


def test_events_of_a_conversation_are_refused() -> None:
    for type_ in ("response.create", "input_audio_buffer.append", "input_audio_buffer.commit"):
        assert refusal(Speaker().send(type_)) == ("invalid_value", "type")


def test_closing_translates_everything_that_was_said_first() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.hear(640, 0.9)  # and is cut off in the middle of a word
    closing = speaker.close()
    assert passages(closing) == [("item_2", 672)]  # with the silence that the first one left
    assert asked(speaker.understood("Zwei.", "item_2")) == []
    assert asked(speaker.understood("Eins.", "item_1")) == ["Eins."]
    assert asked(speaker.translated("One.")) == ["Zwei."]
    end = speaker.translated("Two.", 200, "resp_2")
    assert tags(end)[-2:] == ["session.closed", "close"]
    (close,) = (output for output in end if isinstance(output, fx.Close))
    assert close.code == 1000
    assert tags(speaker.send("nonsense")) == ["error"]


def test_closing_in_silence_closes_at_once() -> None:
    assert tags(Speaker().close()) == ["session.closed", "close"]


def test_after_the_close_nothing_more_is_taken() -> None:
    speaker = Speaker()
    speaker.hear(640, 0.9)
    speaker.close()
    assert refusal(speaker.close()) == ("session_closing", None)
    assert refusal(speaker.update(output={"language": "de"})) == ("session_closing", None)
    late = speaker.tell(fx.AudioIn(pcm=pcm(20), event_id="late"))
    assert (error(late).code, error(late).event_id) == ("session_closing", "late")
    speaker.understood("Eins.")
    assert tags(speaker.translated("One."))[-2:] == ["session.closed", "close"]


def test_an_engine_that_fails_is_told_as_an_error_and_the_next_passage_goes_on() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.say()
    failed = speaker.tell(fx.TranscriptMissing(item_id="item_1", code="engine_timeout", message="Too slow."))
    assert (error(failed).type, error(failed).code) == ("server_error", "engine_timeout")
    assert asked(speaker.understood("Zwei.", "item_2")) == ["Zwei."]
    speaker.say()
    speaker.understood("Drei.", "item_3")
    speaker.sound(100)
    broken = fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken.")
    audio, told, following = speaker.tell(broken)
    assert isinstance(audio, wire.OutputAudioDelta)  # what was made before it broke
    assert error([told]).message == "Something that was said could not be translated. Broken."
    assert asked([following]) == ["Drei."]


def test_a_translation_that_was_cut_off_is_told() -> None:
    speaker = Speaker()
    speaker.say()
    speaker.understood("Eins.")
    cut = speaker.tell(fx.AnswerFinished(response_id="resp_1", reason="length"))
    assert (error(cut).type, error(cut).code) == ("server_error", "translation_incomplete")


def test_a_session_has_an_end() -> None:
    speaker = Speaker(expires_in=60)
    assert speaker.core.deadline() == 160.0
    assert speaker.tell(fx.Tick()) == []
    speaker.now = 160.0
    expired, close = speaker.tell(fx.Tick())
    assert error([expired]).message == "Your session hit the maximum duration of 1 minutes."
    assert tags([close]) == ["close"]
    assert speaker.core.deadline() is None
    assert speaker.tell(fx.Tick()) == []


def test_who_joins_is_shown_the_session() -> None:
    assert tags(Speaker().tell(fx.Joined())) == ["session.created"]


def test_other_engines_views_mean_nothing_here() -> None:
    speaker = Speaker()
    assert speaker.tell(fx.Hypothesis(item_id="item_1", text="Guten")) == []
    assert speaker.tell(fx.TurnEstimate(at=1, probability=0.5)) == []


def test_a_short_passage_is_taken_for_the_language_of_the_last_long_one() -> None:
    speaker = Speaker()

    def hinted(voice_ms: float, found: str | None) -> str | None:
        hints = [output.hint for output in speaker.say(voice_ms) if isinstance(output, fx.Transcribe)]
        speaker.understood("Ja.", f"item_{len(languages) + 1}", found)
        return hints[-1].language if hints[-1] else None

    languages: list[str | None] = []
    for voice_ms, found in (
        (640, "it"),
        (640, "it"),
        (3200, "de"),
        (640, None),
        (3200, "es"),
        (3200, None),
        (640, None),
    ):
        languages.append(hinted(voice_ms, found))
    assert languages == ["auto", "auto", "auto", "de", "auto", "auto", "es"]


def test_a_noise_reducer_that_fails_is_told() -> None:
    told = error(Speaker().tell(fx.NoiseReductionFailed(code="engine_failed", message="Broken.")))
    assert (told.type, told.code, told.param) == (
        "server_error",
        "engine_failed",
        "session.audio.input.noise_reduction",
    )
