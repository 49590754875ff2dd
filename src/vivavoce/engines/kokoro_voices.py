"""Kokoro's voices: who they are, and how much each must be raised to sound as loud as the others.

The names are Kokoro's own: the language's letter, f or m, and a first name. The characters are what was measured: the
median pitch of ten sentences, and how loud they are by ITU-R BS.1770 (`vivavoce bench voices`, docs/voices.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.engines.kokoro_languages import LETTERS
from vivavoce.ports import VoiceInfo

OPENAI_VOICES = {
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_fable",
    "coral": "af_bella",
    "echo": "am_echo",
    "sage": "af_sarah",
    "shimmer": "af_nova",
    "verse": "am_puck",
    "marin": "af_heart",
    "cedar": "am_onyx",
}
"""OpenAI's ten names and the voice that each stands for."""

_PEOPLE = {
    "af": "American woman",
    "am": "American man",
    "bf": "British woman",
    "bm": "British man",
    "ef": "Spanish-speaking woman",
    "em": "Spanish-speaking man",
    "if": "Italian woman",
    "im": "Italian man",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What was measured of a voice."""

    pitch: int = 0
    """Median, in Hz; 0: not measured."""
    gain: float = 0.0
    """dB."""


_MEASURED = {
    "af_alloy": Known(141, 0.0),
    "af_aoede": Known(176, 0.2),
    "af_bella": Known(189, 0.1),
    "af_heart": Known(190, -0.2),
    "af_jessica": Known(203, -0.4),
    "af_kore": Known(150, 0.0),
    "af_nicole": Known(141, 0.1),
    "af_nova": Known(157, 0.0),
    "af_river": Known(173, -0.4),
    "af_sarah": Known(186, -0.1),
    "af_sky": Known(151, 0.2),
    "am_adam": Known(113, -0.1),
    "am_echo": Known(103, 0.0),
    "am_eric": Known(151, 0.1),
    "am_fenrir": Known(134, -0.4),
    "am_liam": Known(116, -0.2),
    "am_michael": Known(113, -0.1),
    "am_onyx": Known(83, 0.1),
    "am_puck": Known(112, -0.2),
    "am_santa": Known(173, -0.3),
    "bf_alice": Known(213, -0.2),
    "bf_emma": Known(176, -0.4),
    "bf_isabella": Known(200, -0.3),
    "bf_lily": Known(169, -0.1),
    "bm_daniel": Known(123, 0.1),
    "bm_fable": Known(115, -2.1),
    "bm_george": Known(139, 0.6),
    "bm_lewis": Known(85, -0.1),
    "ef_dora": Known(169, -0.5),
    "em_alex": Known(128, -0.5),
    "em_santa": Known(130, -0.7),
}


def gain(voice: str) -> float:
    """By how many dB this voice is raised; 0 for one that was not measured."""
    return _MEASURED.get(voice, Known()).gain


def info(name: str, voice: str) -> VoiceInfo:
    """`name` as people choose it; `voice` is Kokoro's own name of whom they hear."""
    pitch = _MEASURED.get(voice, Known()).pitch
    words = [_PEOPLE.get(voice[:2], ""), f"{pitch} Hz" if pitch else ""]
    alias_of = voice if name != voice else None
    languages = tuple(language for language, letters in LETTERS.items() if voice[0] in letters)
    return VoiceInfo(name, languages, ", ".join(filter(None, words)), alias_of)
