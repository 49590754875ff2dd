"""What each voice of a speech synthesiser is worth: understood, equally loud, and told apart from the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec
import numpy as np

from vivavoce.audio.loudness import loudness
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.report import machine
from vivavoce.bench.voice_measures import Embedder, Print, joined, median_pitch
from vivavoce.bench.word_errors import word_errors
from vivavoce.ports import Asr, AsrHint, Tts, Voice

SENTENCES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "Your table for four is booked for half past seven on Friday evening.",
        "The train to Glasgow leaves from platform nine in about an hour.",
        "I am sorry, but the doctor is not available before Thursday morning.",
        "Please read me the last message that my brother sent me yesterday.",
        "We would like a large coffee with milk and two slices of lemon cake.",
        "We could not find your parcel, so we will send you another one today.",
        "It will rain in the afternoon, so take an umbrella and warm shoes.",
        "Turn left behind the church and follow the river for another mile.",
        "The museum is closed on Monday, but the garden is open every day.",
        "Do you want me to call the hotel and ask for a quiet room?",
    ),
    "es": (
        "Su mesa junto a la ventana está reservada para el viernes por la noche.",
        "El tren para Sevilla sale dentro de una hora del andén de la derecha.",
        "Lo siento, pero el médico no puede atenderle antes del jueves por la mañana.",
        "Por favor, léame el último mensaje que mi hermano me mandó ayer.",
        "Queremos un café con leche y dos trozos de tarta de limón.",
        "No hemos encontrado su paquete, así que hoy le mandamos otro.",
        "Por la tarde va a llover, así que lleve un paraguas y zapatos buenos.",
        "Gire a la izquierda detrás de la iglesia y siga el río durante un kilómetro.",
        "El museo está cerrado los lunes, pero el jardín abre todos los días.",
        "¿Quiere que llame al hotel y pida una habitación tranquila?",
    ),
    "it": (
        "Il suo tavolo vicino alla finestra è prenotato per venerdì sera.",
        "Il treno per Napoli parte tra poco dal binario di destra.",
        "Mi dispiace, ma il medico non è libero prima di giovedì mattina.",
        "Per favore, mi legga il messaggio che mio fratello ha mandato ieri.",
        "Vorremmo un caffè con latte e una fetta di torta al limone.",
        "Non abbiamo trovato il suo pacco, quindi ne mandiamo un altro.",
        "Nel pomeriggio pioverà, quindi porti un ombrello e scarpe calde.",
        "Giri a sinistra dietro la chiesa e segua il fiume.",
        "Il museo è chiuso il lunedì, ma il giardino apre ogni giorno.",
        "Vuole che chiami l'albergo e chieda una camera tranquilla?",
    ),
}
"""What every voice of a language says."""
WER_PERCENT = 3.0
"""The word errors that a voice may cause."""
LOUDNESS_DB = 1.0
"""How far apart the softest and the loudest voice may be."""


class VoiceFigures(msgspec.Struct, frozen=True):
    """One voice."""

    name: str
    language: str
    words: int
    errors: int
    lufs: float
    """Loudness by BS.1770."""
    peak_dbfs: float
    pitch_hz: float
    """Median fundamental frequency."""
    itself: float
    """Likeness of its print from the even sentences and that from the odd ones."""
    nearest: str
    """The other voice most like it."""
    other: float
    """Likeness of that voice's print and its own, from other sentences too; the higher of two."""
    heard: dict[str, str]
    """What was understood instead, by sentence."""

    @property
    def wer_percent(self) -> float:
        """Word errors in a hundred words."""
        return 100 * self.errors / self.words if self.words else 0.0

    @property
    def distinct(self) -> bool:
        """It is more like itself than like any other voice."""
        return self.itself > self.other


class VoicesReport(msgspec.Struct, frozen=True):
    """All of it; as JSON this is the file that `--json` writes."""

    engine: str
    sentences: int
    voices: list[VoiceFigures]
    spread_db: float
    """From the softest to the loudest."""
    machine: dict[str, str]

    @property
    def passed(self) -> bool:
        """There are voices, every one is understood and distinct, and all are equally loud."""
        good = all(each.wer_percent <= WER_PERCENT and each.distinct for each in self.voices)
        return bool(self.voices) and good and self.spread_db <= LOUDNESS_DB


class Sample(msgspec.Struct, frozen=True):
    """A voice that has said its sentences."""

    name: str
    language: str
    clips: list[Pcm]


async def spoken(tts: Tts, name: str, language: str, sentences: Sequence[str]) -> Sample:
    """The sentences in this voice. Raises `EngineError`."""
    return Sample(name, language, [await _said(tts, text, name) for text in sentences])


async def figures(
    samples: Sequence[Sample],
    sentences: Mapping[str, Sequence[str]],
    asr: Asr,
    embedder: Embedder,
    tell: Callable[[str], None],
) -> list[VoiceFigures]:
    """What the judges make of them: `asr` of the words, `embedder` of the speakers. Raises `EngineError`."""
    prints = {sample.name: [embedder.print(clip) for clip in sample.clips] for sample in samples}
    found: list[VoiceFigures] = []
    for sample in samples:
        tell(sample.name)
        texts = sentences[sample.language]
        errors, words, heard = await _understood(asr, sample, texts)
        audio = Pcm.join(sample.clips)
        itself, nearest, other = likeness(sample.name, prints)
        found.append(
            VoiceFigures(
                name=sample.name,
                language=sample.language,
                words=words,
                errors=errors,
                lufs=round(loudness(audio), 2),
                peak_dbfs=round(20 * float(np.log10(max(np.abs(audio.to_float()).max(), 1e-5))), 2),
                pitch_hz=round(median_pitch(audio), 1),
                itself=itself,
                nearest=nearest,
                other=other,
                heard=heard,
            )
        )
    return found


def likeness(name: str, prints: Mapping[str, Sequence[Print]]) -> tuple[float, str, float]:
    """How much a voice is like itself, which other voice is most like it, and how much. 1 is the same, 0 nothing.

    `prints`: of each voice's sentences, two at least. Always the even sentences of one against the odd ones of the
    other, so that what is said never helps. Without another voice: "", 0.
    """
    even = {voice: joined(*each[::2]) for voice, each in prints.items()}
    odd = {voice: joined(*each[1::2]) for voice, each in prints.items()}
    others = ((max(even[name] @ odd[each], odd[name] @ even[each]), each) for each in prints if each != name)
    other, nearest = max(others, default=(0.0, ""))
    return round(float(even[name] @ odd[name]), 3), nearest, round(float(other), 3)


def voices_report(engine: str, found: Sequence[VoiceFigures], sentences: int) -> VoicesReport:
    """The figures of one engine."""
    levels = [each.lufs for each in found]
    spread = round(max(levels) - min(levels), 2) if levels else 0.0
    return VoicesReport(engine, sentences, list(found), spread, machine())


async def _understood(asr: Asr, sample: Sample, texts: Sequence[str]) -> tuple[int, int, dict[str, str]]:
    errors, words, heard = 0, 0, dict[str, str]()
    for text, clip in zip(texts, sample.clips, strict=True):
        transcript = ""
        async for part in asr.transcribe(_once(clip), AsrHint(sample.language)):
            transcript = part.text
        wrong, spoken_words = word_errors(text, transcript)
        errors, words = errors + wrong, words + spoken_words
        if wrong:
            heard[text] = transcript
    return errors, words, heard


async def _said(tts: Tts, text: str, voice: str) -> Pcm:
    return Pcm.join([part async for part in tts.speak(text, Voice(voice)) if isinstance(part, Pcm)])


async def _once(clip: Pcm) -> AsyncIterator[Pcm]:
    yield clip
