"""What Italian sounds like: the sounds and the stress of words, and what is written in figures and signs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.phonemes.italian import word
from vivavoce.engines.phonemes.italian_written import ITALIAN, cardinal, ordinal
from vivavoce.engines.phonemes.written import read

LONGEST = 510
SOUNDS = frozenset('abdefhijklmnoprstuvwxzɡŋɲʎʃʒʧʤʦʣʊɪɔɛɾSˈː ;:,.!?—…"()“”')
"""All of them are in Kokoro's vocabulary."""


def said(text: str) -> str:
    return " ".join(sentence.phonemes for sentence in read(ITALIAN, text, LONGEST))


@pytest.mark.parametrize(
    ("spelling", "phonemes"),
    [
        # stress: on the last vowel but one, by the accent, or before that
        ("capitale", "kapitˈale"),
        ("città", "ʧitːˈa"),
        ("perché", "perkˈe"),
        ("caffè", "kaffˈɛ"),
        ("telefono", "telˈɛfono"),
        ("facile", "fˈaʧile"),
        ("bellissimo", "bellˈiSimo"),
        ("parlano", "pˈarlano"),
        ("italiano", "italjˈano"),
        ("avere", "avˈere"),
        ("farmacia", "farmaʧˈia"),
        ("biologia", "bjoloʤˈia"),
        ("mio", "mˈio"),
        ("vorrei", "vorɾˈɛi"),
        ("l'acqua", "lˈakːwa"),
        ("film", "fˈilm"),
        # letters
        ("ciao", "ʧˈao"),
        ("chiesa", "kjˈɛza"),
        ("giorno", "ʤˈɔrno"),
        ("ghiaccio", "ɡjˈaʧːo"),
        ("scena", "ʃˈena"),
        ("figlio", "fˈiʎo"),
        ("gli", "ʎɪ"),
        ("gnocchi", "ɲˈɔkːɪ"),
        ("bagno", "bˈaɲɲo"),
        ("casa", "kˈaza"),
        ("sbaglio", "zbˈaʎo"),
        ("pizza", "pˈiʦːa"),
        ("zero", "ʣˈero"),
        ("quando", "kwˈando"),
        ("lungo", "lˈuŋɡo"),
        ("terra", "tˈɛrɾa"),
        ("auto", "ˈaʊto"),
        ("mai", "mˈaj"),
        ("studenti", "stʊdˈɛntɪ"),
        ("computer", "kompjˈuter"),
        ("taxi", "tˈaksɪ"),
        ("你好", ""),
        ("s", "s"),
    ],
)
def test_how_a_word_sounds(spelling: str, phonemes: str) -> None:
    assert word(spelling, "") == phonemes


@pytest.mark.parametrize(
    ("number", "counted", "words"),
    [
        (1, "", "uno"),
        (1, "anno", "un"),
        (1, "casa", "una"),
        (18, "", "diciotto"),
        (21, "", "ventuno"),
        (23, "", "ventitré"),
        (28, "", "ventotto"),
        (101, "", "cento uno"),
        (345, "", "tre cento quarantacinque"),
        (1000, "", "mille"),
        (2024, "", "due mila ventiquattro"),
        (1_000_000, "", "un milione"),
        (2_000_005, "", "due milioni cinque"),
        (1_000_000_000, "", "un miliardo"),
    ],
)
def test_numbers(number: int, counted: str, words: str) -> None:
    assert cardinal(number, counted) == words


def test_ordinals() -> None:
    assert [ordinal(1, False), ordinal(2, True), ordinal(11, False)] == ["primo", "seconda", "undicesimo"]
    assert ordinal(23, False) == "ventitreesimo"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("12,50 €", "dodici euro e cinquanta"),
        ("$1", "un dollaro"),
        ("1.500", "mille cinque cento"),
        ("3,14", "tre virgola quattordici"),
        ("25%", "venticinque per cento"),
        ("15:30", "quindici e trenta"),
        ("1:15", "una e un quarto"),
        ("8:00", "otto in punto"),
        ("1/05/2024", "primo maggio due mila ventiquattro"),
        ("1º", "primo"),
        ("5 km", "cinque chilometri"),
        ("Sig. Rossi", "signor rossi"),
        ("ecc.", "eccètera"),
        ("CD", "ci di"),
        ("secolo XX", "secolo venti"),
    ],
)
def test_what_is_written_in_signs_is_said_in_words(written: str, words: str) -> None:
    assert said(written).rstrip(".") == said(words)


@given(text=st.text("aeiouàèéìòùbcdghlnqrstvz 1,.:/-$€%º«»?!—'’好AIVX\n", max_size=60))
def test_anything_can_be_read(text: str) -> None:
    sentences = read(ITALIAN, text, 20)
    ends = [chars for sentence in sentences for _, chars in sentence.ends]
    assert ends == sorted(ends)
    for sentence in sentences:
        assert set(sentence.phonemes) <= SOUNDS
        assert 0 < len(sentence.phonemes) <= 20
    assert all(chars == len(text) or text[chars].isspace() for chars in ends)
