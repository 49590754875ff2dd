"""What Spanish sounds like: the sounds of words, what is written in figures and signs, and where each word ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.phonemes.spanish import PAUSE, word
from vivavoce.engines.phonemes.spanish_written import SPANISH, cardinal, ordinal
from vivavoce.engines.phonemes.written import read

LONGEST = 510
SOUNDS = frozenset('abdefhijklmnoprstuvwxzɡɣβðθɾɲŋʎʝʃʧʦɛɪʊAIWˈˌː ;:,.!?—…"()“”')
"""All of them are in Kokoro's vocabulary."""


def said(text: str) -> str:
    return " ".join(sentence.phonemes for sentence in read(SPANISH, text, LONGEST))


def spelled(text: str) -> list[tuple[str, str]]:
    """Each shown word with the phonemes that are said for it."""
    found: list[tuple[str, str]] = []
    shown = 0
    for sentence in read(SPANISH, text, LONGEST):
        spoken = 0
        for count, chars in sentence.ends:
            found.append((text[shown:chars].strip(), sentence.phonemes[spoken:count].strip(' ,;:.!?()“”"—')))
            shown, spoken = chars, count
    return found


@pytest.mark.parametrize(
    ("spelling", "phonemes"),
    [
        # stress: by the accent, else by the last letter; lighter ones on the way to it
        ("casa", "kˈasa"),
        ("canción", "kanθjˈon"),
        ("joven", "xˈoβen"),
        ("ciudad", "θjuðˈad"),
        ("árbol", "ˈaɾβol"),
        ("característica", "kˌaɾakteɾˈistika"),
        ("universidad", "ˌuniβˌeɾsiðˈad"),
        ("rápidamente", "rˈapiðamˈente"),
        ("aumente", "Wmˈɛnte"),  # no adverb
        # letters
        ("queso", "kˈeso"),
        ("guerra", "ɡˈera"),
        ("vergüenza", "beɾɣwˈɛnθa"),
        ("gente", "xˈɛnte"),
        ("zapato", "θapˈato"),
        ("chico", "ʧˈiko"),
        ("lluvia", "ʎˈuβja"),
        ("yo", "ʝˈo"),
        ("muy", "mˈuj"),
        ("rey", "rˈA"),
        ("niño", "nˈiɲo"),
        ("rosa", "rˈosa"),
        ("pero", "pˌeɾo"),
        ("perro", "pˈero"),
        ("honra", "ˈonra"),
        ("exacto", "eksˈakto"),
        ("xilófono", "silˈofono"),
        ("acción", "akθjˈon"),
        ("huevo", "wˈeβo"),
        ("hielo", "jˈelo"),
        ("ahí", "aˈi"),
        ("prohibir", "pɾˌoiβˈiɾ"),
        # vowels that meet
        ("aire", "ˈIɾe"),
        ("causa", "kˈWsa"),
        ("oigo", "ˈoɪɣo"),
        ("deuda", "dˈeʊða"),
        ("país", "paˈis"),
        ("baúl", "baˈul"),
        ("línea", "lˈinea"),
        ("ruido", "ruˈiðo"),
        ("patria", "pˈatɾia"),
        ("viuda", "bjˈuða"),
        ("averiguar", "ˌaβeɾiɣwˈaɾ"),
        # consonants that meet
        ("enviar", "embjˈaɾ"),
        ("tengo", "tˈɛŋɡo"),
        ("ángel", "ˈaŋxel"),
        ("apto", "ˈapːto"),
        ("obtener", "ˌobtenˈeɾ"),
        ("signo", "sˈiɡno"),
        ("psicología", "sˌikoloxˈia"),
        # words of other languages
        ("méxico", "mˈexiko"),
        ("whatsapp", "wˈatsap"),
        ("pizza", "pˈiʦa"),
        ("straße", "stɾˈase"),
        ("你好", ""),
    ],
)
def test_how_a_word_sounds(spelling: str, phonemes: str) -> None:
    assert word(spelling, PAUSE) == phonemes


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("un beso", "ˈum bˈeso"),
        ("la boca", "la βˈoka"),
        ("mis dedos", "mis ðˈeðos"),
        ("Sí, bueno", "sˈi, bwˈeno"),
        ("¿Qué tal?", "kˈe tˈal?"),
        ("«Hola» — dijo (bajito)", "“ˈola” — dˈixo (baxˈito)"),
    ],
)
def test_how_words_sound_together(text: str, phonemes: str) -> None:
    assert said(text) == phonemes


@pytest.mark.parametrize(
    ("number", "counted", "words"),
    [
        (0, "", "cero"),
        (1, "", "uno"),
        (1, "día", "un"),
        (1, "hora", "una"),
        (21, "años", "veintiún"),
        (21, "casas", "veintiuna"),
        (31, "minutos", "treinta y un"),
        (16, "", "dieciséis"),
        (100, "", "cien"),
        (101, "", "ciento uno"),
        (200, "personas", "doscientas"),
        (555, "", "quinientos cincuenta y cinco"),
        (1000, "", "mil"),
        (1999, "", "mil novecientos noventa y nueve"),
        (21000, "", "veintiún mil"),
        (1_000_000, "", "un millón"),
        (2_500_000, "", "dos millones quinientos mil"),
        (1_000_000_000_000, "", "un billón"),
        (3_000_001_000_000, "", "tres billones un millón"),
    ],
)
def test_numbers(number: int, counted: str, words: str) -> None:
    assert cardinal(number, counted) == words


def test_ordinals() -> None:
    assert [ordinal(1, False), ordinal(2, True), ordinal(20, False)] == ["primero", "segunda", "vigésimo"]
    assert ordinal(21, False) == "veintiuno"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("12,50 €", "doce euros con cincuenta"),
        ("$3.99", "tres dólares con noventa y nueve"),
        ("1 €", "un euro"),
        ("1.234.567", "un millón doscientos treinta y cuatro mil quinientos sesenta y siete"),
        ("1,234.50", "mil doscientos treinta y cuatro coma cincuenta"),
        ("3,14", "tres coma catorce"),
        ("0,05", "cero coma cero cinco"),
        ("2,71828", "dos coma siete uno ocho dos ocho"),
        ("25%", "veinticinco por ciento"),
        ("25 %", "veinticinco por ciento"),
        ("-3 °C", "menos tres grados"),
        ("120 km/h", "ciento veinte kilómetros por hora"),
        ("1 kg", "un kilo"),
        ("15:30", "quince treinta"),
        ("8:00", "ocho en punto"),
        ("1:15", "una y cuarto"),
        ("7:30", "siete y media"),
        ("18:00", "dieciocho horas"),
        ("15/03/2024", "quince de marzo de dos mil veinticuatro"),
        ("2024-03-15", "quince de marzo de dos mil veinticuatro"),
        ("1.º", "primero"),
        ("2ª", "segunda"),
        ("3er", "tercer"),
        ("10-15", "diez a quince"),
        ("0034", "cero cero tres cuatro"),
        ("siglo XXI", "siglo veintiuno"),
        ("Felipe VI", "felipe sexto"),
        ("Alfonso XIII", "alfonso trece"),
        ("Sr. Gil", "señor gil"),
        ("EE. UU. ya", "estados unidos ya"),
        ("EE.UU.", "estados unidos"),
        ("etc.", "etcétera"),
        ("FBI", "efe be i"),
        ("OTAN", "otan"),
        ("NO", "no"),
        ("COVID-19", "covid diecinueve"),
        ("y/o", "y o"),
        ("a@b.es", "a arroba be punto e ese"),
        ("www.sol.es", "uvedoble uvedoble uvedoble punto sol punto e ese"),
        ("pan & vino", "pan y vino"),
        ("1234567890123456", "uno dos tres cuatro cinco seis siete ocho nueve cero uno dos tres cuatro cinco seis"),
    ],
)
def test_what_is_written_in_signs_is_said_in_words(written: str, words: str) -> None:
    assert said(written).rstrip(".") == said(words)


def test_each_shown_word_ends_with_what_is_said_for_it() -> None:
    assert spelled("Son 12,50 €, Sr. Gil. ¿Sí?") == [
        ("Son", "sˈon"),
        ("12,50", "dˈoθe ˈeʊɾos kon θinkwˈɛnta"),
        ("€,", ""),
        ("Sr.", "seɲˈoɾ"),
        ("Gil.", "xˈil"),
        ("¿Sí?", "sˈi"),
    ]


def test_an_abbreviation_ends_no_sentence() -> None:
    assert len(read(SPANISH, "La Sra. Gil y el Dr. Pérez. Ya están. ¡Por fin!", LONGEST)) == 3


def test_text_without_words_is_nothing_to_read() -> None:
    assert read(SPANISH, " \n ", LONGEST) == []
    assert read(SPANISH, "你好", LONGEST) == []


@given(text=st.text("aeiouáéíóúüñbcdghlnqrstvxyz 1,.:/-$€%º«»¿?¡!—'好AIVX\n", max_size=60))
def test_anything_can_be_read(text: str) -> None:
    sentences = read(SPANISH, text, 20)
    ends = [chars for sentence in sentences for _, chars in sentence.ends]
    assert ends == sorted(ends)
    for sentence in sentences:
        assert set(sentence.phonemes) <= SOUNDS
        counts = [count for count, _ in sentence.ends]
        assert 0 < len(sentence.phonemes) <= 20
        assert counts == sorted(counts)
        assert all(0 <= count <= len(sentence.phonemes) for count in counts)
    assert all(chars == len(text) or text[chars].isspace() for chars in ends)
