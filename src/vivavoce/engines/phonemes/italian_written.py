"""Numbers, prices, times, dates and abbreviations as they are said in Italian."""

from __future__ import annotations

from vivavoce.engines.phonemes import italian
from vivavoce.engines.phonemes.written import Language

_UNITS = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove"
)
_SMALL = tuple(_UNITS.split())
_TENS = ("venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta")
_ORDINAL_NAMES = "primo secondo terzo quarto quinto sesto settimo ottavo nono decimo"
_ORDINALS = tuple(_ORDINAL_NAMES.split())
_MONTH_NAMES = "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"
_MONTHS = tuple(_MONTH_NAMES.split())
_LETTERS = "a bi ci di e effe gi acca i ilunga cappa elle emme enne o pi cu erre esse ti u vu doppiavu ics ìpsilon zeta"
_SMALL_WORDS = (
    "no sì si è e o a ho ha hai il lo la le li gli mi ti ci vi di da in su me te se ma io tu un al do fa va sa"
)


def cardinal(number: int, counted: str = "") -> str:
    """A number of what `counted` names: "un anno", "una casa"; by itself, "uno". Thousands and hundreds stand apart, so
    that each has a stress of its own."""
    if number == 1 and counted.isalpha() and counted not in ("e", "o", "a", "di"):
        return "una" if counted.lower().endswith(("a", "zione", "ità")) else "un"
    for size, one, several in ((10**9, "un miliardo", "miliardi"), (10**6, "un milione", "milioni")):
        if number >= size:
            parts, rest = divmod(number, size)
            said = one if parts == 1 else f"{cardinal(parts)} {several}"
            return f"{said} {cardinal(rest) if rest else ''}".strip()
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        said = "mille" if thousands == 1 else f"{cardinal(thousands)} mila"
        return f"{said} {cardinal(rest) if rest else ''}".strip()
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        said = "cento" if hundreds == 1 else f"{_SMALL[hundreds]} cento"
        return f"{said} {cardinal(rest) if rest else ''}".strip()
    return _below_hundred(number)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    said = _TENS[tens - 2]
    if rest in (1, 8):
        return said[:-1] + _SMALL[rest]
    return said + ("tré" if rest == 3 else _SMALL[rest] if rest else "")


def ordinal(number: int, feminine: bool) -> str:
    """The first to the tenth, and those made of a cardinal number."""
    if number <= len(_ORDINALS):
        said = _ORDINALS[number - 1]
    else:
        before = cardinal(number)
        said = f"{before.replace('tré', 'tree')[:-1]}esimo"
    return said[:-1] + "a" if feminine else said


def _clock(hours: int, minutes: int) -> str:
    hour = "una" if hours == 1 else cardinal(hours)
    if not minutes:
        return f"{hour} in punto"
    return f"{hour} e {({15: 'un quarto', 30: 'trenta'}).get(minutes) or cardinal(minutes)}"


def _date(day: int, month: int, year: int) -> str:
    first = "primo" if day == 1 else cardinal(day)
    return f"{first} {_MONTHS[month - 1]} {cardinal(year if year > 99 else 2000 + year)}"


ITALIAN = Language(
    word=italian.word,
    joined=italian.unchanged,
    number=cardinal,
    ordinal=ordinal,
    clock=_clock,
    date=_date,
    decimal="virgola",
    minus="meno",
    until="a",
    percent="per cento",
    degrees="gradi",
    currencies={
        "€": ("euro", "euro"),
        "$": ("dollaro", "dollari"),
        "US$": ("dollaro", "dollari"),
        "£": ("sterlina", "sterline"),
        "¥": ("yen", "yen"),
    },
    cents="e",
    units={
        "km": ("chilometro", "chilometri"),
        "m": ("metro", "metri"),
        "cm": ("centimetro", "centimetri"),
        "mm": ("millìmetro", "millìmetri"),
        "m²": ("metro quadro", "metri quadri"),
        "km²": ("chilometro quadro", "chilometri quadri"),
        "km/h": ("chilometro all'ora", "chilometri all'ora"),
        "kg": ("chilo", "chili"),
        "g": ("grammo", "grammi"),
        "mg": ("milligrammo", "milligrammi"),
        "l": ("litro", "litri"),
        "L": ("litro", "litri"),
        "ml": ("millìlitro", "millìlitri"),
        "h": ("ora", "ore"),
        "min": ("minuto", "minuti"),
        "s": ("secondo", "secondi"),
        "°C": ("grado", "gradi"),
        "ºC": ("grado", "gradi"),
        "°": ("grado", "gradi"),
        "GB": ("giga", "giga"),
        "MB": ("mega", "mega"),
        "kW": ("chilovàtt", "chilovàtt"),
    },
    abbreviations={
        "sig": "signor",
        "sig.ra": "signora",
        "sig.na": "signorina",
        "sigg": "signori",
        "dott": "dottor",
        "dott.ssa": "dottoressa",
        "dr": "dottor",
        "prof": "professor",
        "prof.ssa": "professoressa",
        "ing": "ingegner",
        "avv": "avvocato",
        "ecc": "eccètera",
        "es": "esempio",
        "p.es": "per esempio",
        "a.c": "avanti cristo",
        "d.c": "dopo cristo",
        "pag": "pàgina",
        "pagg": "pàgine",
        "tel": "telefono",
        "ca": "circa",
        "nr": "nùmero",
        "art": "artìcolo",
        "cap": "capìtolo",
        "vol": "volume",
        "s.p.a": "esse pi a",
        "min": "minuti",
        "max": "màssimo",
        "ee": "stati",
        "uu": "uniti",
    },
    letters=dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTERS.split(), strict=True)),
    signs={
        "&": "e",
        "+": "più",
        "=": "uguale",
        "@": "chiòcciola",
        "#": "cancelletto",
        "°": "gradi",
        "º": "gradi",
        "×": "per",
        "÷": "diviso",
        ".": "punto",
        "/": "barra",
        "_": "trattino basso",
        "€": "euro",
        "$": "dollari",
        "£": "sterline",
        "n.º": "nùmero",
        "nº": "nùmero",
    },
    numbered=frozenset(("secolo", "secoli", "capitolo", "volume", "atto")),
    small=frozenset(_SMALL_WORDS.split()),
)
"""Standard Italian."""
