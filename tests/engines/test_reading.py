"""Which phonemes end each word that is shown, when a number or a sign is read as several words."""

from __future__ import annotations

import numpy as np
import pytest
from hibari.g2p import G2P
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.clause import LEAD_MS, finished
from vivavoce.engines.reading import FRAME, Sentence, pieces, read, shared, word_times

LONGEST = 400


@pytest.fixture(scope="module")
def g2p() -> G2P:
    return G2P()


def words(g2p: G2P, text: str) -> list[tuple[str, str]]:
    """Each shown word with the phonemes that are said for it."""
    said: list[tuple[str, str]] = []
    shown = 0
    for sentence in read(g2p, text, LONGEST):
        spoken = 0
        for count, chars in sentence.ends:
            said.append((text[shown:chars].strip(), sentence.phonemes[spoken:count].strip(" ,;:.")))
            shown, spoken = chars, count
    return said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, my friend.", [("Hello,", "həlˈO"), ("my", "mI"), ("friend.", "fɹˈɛnd")]),
        (
            "It is $12.50 now",
            [("It", "ˌɪt"), ("is", "ɪz"), ("$12.50", "twˈɛlv dˈɑləɹz ænd fˈɪfti sˈɛnts"), ("now", "nˈW")],
        ),
        ("at 3:45pm sharp", [("at", "æt"), ("3:45pm", "θɹˈi fˌɔɹTifˈIv pˌiˈɛm"), ("sharp", "ʃˈɑɹp")]),
        ("5 km/h fast", [("5", "fˈIv"), ("km/h", "kəlˈɑməTəɹz pɜɹ ˈWəɹ"), ("fast", "fˈæst")]),
        ("No. Yes!", [("No.", "nˈO"), ("Yes!", "jˈɛs!")]),
        ("Well — yes", [("Well", "wˈɛl"), ("—", ""), ("yes", "— jˈɛs")]),
        ("你好 yes 你好", [("你好", ""), ("yes", "jˈɛs"), ("你好", "")]),
    ],
)
def test_a_shown_word_ends_with_all_that_is_said_for_it(g2p: G2P, text: str, expected: list[tuple[str, str]]) -> None:
    found = words(g2p, text)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [phonemes.rstrip("!") for _, phonemes in found] == [phonemes.rstrip("!") for _, phonemes in expected]


def test_text_without_words_is_nothing_to_read(g2p: G2P) -> None:
    assert read(g2p, "  \n ", LONGEST) == []
    assert read(g2p, "你好", LONGEST) == []


@given(text=st.text("aZ 1,.$%:-—'\n\t好é", max_size=60))
def test_every_word_has_its_place(g2p: G2P, text: str) -> None:
    sentences = read(g2p, text, 20)
    ends = [chars for sentence in sentences for _, chars in sentence.ends]
    assert ends == sorted(ends)
    for sentence in sentences:
        counts = [count for count, _ in sentence.ends]
        assert 0 < len(sentence.phonemes) <= 20
        assert counts == sorted(counts)
        assert all(0 <= count <= len(sentence.phonemes) for count in counts)
    assert all(chars == len(text) or text[chars].isspace() for chars in ends)


def test_words_that_are_read_differently_share_what_is_read() -> None:
    assert shared(["Sep", "2,", "then"], ["September", "second,", "then"], 3) == [1, 2, 3]
    assert shared(["at", "7:05", "a.m."], ["at", "seven", "oh", "five", "A.M."], 5) == [1, 3, 5]
    assert shared(["a=b"], ["a", "equals", "b"], 3) == [3]
    assert shared(["x", "*"], ["x"], 1) == [1, 1]
    assert shared(["one", "two"], ["one", "two"], 1) == [1, 1]  # the reader took two words for one


@pytest.mark.parametrize("phonemes", ["word " * 400, "one, two; three: " * 80, "x" * 3000, " lead"])
def test_long_sentences_are_cut(phonemes: str) -> None:
    counts = [at for at in range(1, len(phonemes) + 1) if phonemes[at - 1] != " " and phonemes[at : at + 1] in " "]
    cut = list(pieces(Sentence(phonemes, tuple((count, count) for count in counts)), 510))
    assert all(0 < len(piece.phonemes) <= 510 for piece in cut)
    assert "".join(piece.phonemes for piece in cut).replace(" ", "") == phonemes.replace(" ", "")
    assert [chars for piece in cut for _, chars in piece.ends] == counts
    for piece in cut:
        for count, chars in piece.ends:
            assert piece.phonemes[:count].endswith(phonemes[chars - 3 : chars].strip())


def test_a_word_ends_with_its_last_sound() -> None:
    """A tone of 150 ms for "ab,", a pause of 150 ms that the model counts to it too, and a tone of 100 ms for "c."."""
    tone = np.sin(np.arange(24_000) / 8).astype(np.float32)
    quiet = np.zeros(24_000, np.float32)
    raw = np.concatenate([quiet[:2400], tone[:3600], quiet[:3600], tone[:2400], quiet[:2400]])
    durations = np.asarray([4, 2, 10, 0, 1, 3, 2, 2], np.float32)  # the marks at the ends, and "ab, c." without "?"
    assert durations.sum() * FRAME == len(raw)
    sentence = Sentence("ab?, c.", ((2, 3), (6, 5)))
    times = word_times(sentence, "ab, c.", durations, finished(raw, 24_000, 100.0), 1000.0)
    assert times.ends == ((3, 1000.0 + LEAD_MS + 150), (5, 1000.0 + LEAD_MS + 400))


def test_a_word_without_sound_ends_where_the_audio_begins() -> None:
    tone = np.sin(np.arange(2400) / 8).astype(np.float32)
    clause = finished(tone, 24_000, 100.0)
    times = word_times(Sentence("a", ((0, 1), (1, 3))), "a", np.asarray([0, 4, 0], np.float32), clause, 0.0)
    assert times.ends == ((1, 0.0), (3, LEAD_MS + 100.0))
