"""Every engine that the configuration can name is examined by the contract of its port."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.engines import ASR, LLM, NOISE, RESPONDER, TTS, TURN, VAD

TESTS = Path(__file__).parent.parent
OURS = "testing/test_conformance.py"
EXAMINED = {
    "vad": {"silero": "engines/test_silero.py", "instant": OURS},
    "noise_reducer": {"gtcrn": "engines/test_gtcrn.py"},
    "turn_detector": {"smart-turn": "engines/test_smart_turn.py", "instant": OURS},
    "asr": {"whisper": "engines/test_whisper.py", "openai": OURS, "instant": OURS},
    "llm": {"llama": "engines/test_llama_tools.py", "openai": OURS, "instant": OURS},
    "tts": {
        "hibari": "engines/test_hibari.py",
        "kokoro": "engines/test_kokoro.py",
        "openai": OURS,
        "instant": OURS,
    },
    "responder": {
        "cascade": "engines/test_cascade.py",
        "chat-audio": OURS,
        "realtime": "engines/realtime/test_contract.py",
    },
    "duplex": {"moshi": "testing/test_duplex_check.py"},
}
"""By its port and its name, who examines it."""
TABLES = {"vad": VAD, "noise_reducer": NOISE, "turn_detector": TURN, "asr": ASR, "llm": LLM, "tts": TTS}


def test_none_is_left_out() -> None:
    assert {port: set(table) for port, table in TABLES.items()} == {port: set(EXAMINED[port]) for port in TABLES}
    assert {"cascade", *RESPONDER} == {*EXAMINED["responder"], *EXAMINED["duplex"]}


@pytest.mark.parametrize(
    ("port", "where"), sorted({(port, where) for port, tests in EXAMINED.items() for where in tests.values()})
)
def test_whoever_is_to_examine_it_does(port: str, where: str) -> None:
    assert f"check_{port}(" in (TESTS / where).read_text()
