"""Numbers, prices, times, dates and abbreviations as they are said in Spanish."""

from __future__ import annotations

from vivavoce.engines.phonemes import spanish
from vivavoce.engines.phonemes.written import Language

_UNITS = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete"
    " dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete"
    " veintiocho veintinueve"
)
_SMALL = tuple(_UNITS.split())
_TENS = ("treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa")
_HUNDRED_NAMES = (
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_HUNDREDS = tuple(_HUNDRED_NAMES.split())
_ORDINAL_NAMES = (
    "primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo undécimo duodécimo decimotercero"
    " decimocuarto decimoquinto decimosexto decimoséptimo decimoctavo decimonoveno vigésimo"
)
_ORDINALS = tuple(_ORDINAL_NAMES.split())
_MONTH_NAMES = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
_MONTHS = tuple(_MONTH_NAMES.split())
_FEMININE = ("a", "as", "ción", "ciones", "sión", "siones", "dad", "dades", "noches", "tardes", "veces", "clases")
_MASCULINE_NAMES = "día días mapa mapas problema problemas programa programas idioma idiomas planeta planetas"
_MASCULINE = frozenset(_MASCULINE_NAMES.split())
_LETTERS = "a be ce de e efe ge hache i jota ka ele eme ene eñe o pe cu erre ese te u uve uvedoble equis iégriega zeta"
_SMALL_WORDS = "no sí si ya yo tú tu él el la lo le me mi te se su de en es ha he va ve un al y o a e u ni"


def cardinal(number: int, counted: str = "") -> str:
    """A number of what `counted` names: "veintiún años", "doscientas personas"; by itself, "veintiuno"."""
    if number >= 1_000_000:
        return _millions(number, counted)
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        before = "" if thousands == 1 else f"{_below_thousand(thousands, counted or 'mil')} "
        return f"{before}mil {_below_thousand(rest, counted) if rest else ''}".strip()
    return _below_thousand(number, counted)


def _millions(number: int, counted: str) -> str:
    millions, rest = divmod(number, 1_000_000)
    if millions >= 1_000_000:
        billions, millions = divmod(millions, 1_000_000)
        said = "un billón" if billions == 1 else f"{cardinal(billions, 'millones')} billones"
        said += f" {_millions(millions * 1_000_000, '')}" if millions else ""
    else:
        said = "un millón" if millions == 1 else f"{cardinal(millions, 'millones')} millones"
    return f"{said} {cardinal(rest, counted) if rest else ''}".strip()


def _below_thousand(number: int, counted: str) -> str:
    if number == 100:
        return "cien"
    if number > 100:
        hundreds, rest = divmod(number, 100)
        said = _HUNDREDS[hundreds - 1]
        if hundreds > 1 and _feminine(counted):
            said = said[:-2] + "as"
        return f"{said} {_below_hundred(rest, counted) if rest else ''}".strip()
    return _below_hundred(number, counted)


def _below_hundred(number: int, counted: str) -> str:
    if number < 30:
        said = _SMALL[number]
    else:
        tens, rest = divmod(number, 10)
        said = _TENS[tens - 3] + (f" y {_SMALL[rest]}" if rest else "")
    if number % 10 != 1 or number == 11 or not counted.isalpha() or counted in ("de", "y", "o", "a", "por"):
        return said
    if _feminine(counted):
        return said[:-1] + "a"
    return "veintiún" if number == 21 else said[:-1]


def _feminine(counted: str) -> bool:
    """By its ending; that is right nearly always."""
    word = counted.lower()
    return word not in _MASCULINE and word.endswith(_FEMININE)


def ordinal(number: int, feminine: bool) -> str:
    """The first to the twentieth; nobody says the others."""
    if number > len(_ORDINALS):
        return cardinal(number)
    said = _ORDINALS[number - 1]
    return said[:-1] + "a" if feminine else said


def _clock(hours: int, minutes: int) -> str:
    hour = cardinal(hours, "hora")
    if hours > 12:
        return f"{hour} {cardinal(minutes)}" if minutes else f"{hour} horas"
    if not minutes:
        return f"{hour} en punto"
    return f"{hour} y {({15: 'cuarto', 30: 'media'}).get(minutes) or cardinal(minutes)}"


def _date(day: int, month: int, year: int) -> str:
    return f"{cardinal(day)} de {_MONTHS[month - 1]} de {cardinal(year if year > 99 else 2000 + year)}"


SPANISH = Language(
    word=spanish.word,
    joined=spanish.nasal_before,
    number=cardinal,
    ordinal=ordinal,
    clock=_clock,
    date=_date,
    decimal="coma",
    minus="menos",
    until="a",
    percent="por ciento",
    degrees="grados",
    currencies={
        "€": ("euro", "euros"),
        "$": ("dólar", "dólares"),
        "US$": ("dólar", "dólares"),
        "£": ("libra", "libras"),
        "¥": ("yen", "yenes"),
    },
    cents="con",
    units={
        "km": ("kilómetro", "kilómetros"),
        "m": ("metro", "metros"),
        "cm": ("centímetro", "centímetros"),
        "mm": ("milímetro", "milímetros"),
        "m²": ("metro cuadrado", "metros cuadrados"),
        "km²": ("kilómetro cuadrado", "kilómetros cuadrados"),
        "km/h": ("kilómetro por hora", "kilómetros por hora"),
        "kg": ("kilo", "kilos"),
        "g": ("gramo", "gramos"),
        "mg": ("miligramo", "miligramos"),
        "l": ("litro", "litros"),
        "L": ("litro", "litros"),
        "ml": ("mililitro", "mililitros"),
        "h": ("hora", "horas"),
        "min": ("minuto", "minutos"),
        "s": ("segundo", "segundos"),
        "°C": ("grado", "grados"),
        "ºC": ("grado", "grados"),
        "°": ("grado", "grados"),
        "GB": ("giga", "gigas"),
        "MB": ("mega", "megas"),
        "kW": ("kilovatio", "kilovatios"),
    },
    abbreviations={
        "sr": "señor",
        "sra": "señora",
        "srta": "señorita",
        "sres": "señores",
        "dr": "doctor",
        "dra": "doctora",
        "prof": "profesor",
        "dña": "doña",
        "ud": "usted",
        "uds": "ustedes",
        "vd": "usted",
        "vds": "ustedes",
        "etc": "etcétera",
        "p": "por",
        "ej": "ejemplo",
        "p.ej": "por ejemplo",
        "ee": "estados",
        "uu": "unidos",
        "ee.uu": "estados unidos",
        "a.m": "a eme",
        "p.m": "pe eme",
        "a.c": "antes de cristo",
        "d.c": "después de cristo",
        "avda": "avenida",
        "av": "avenida",
        "núm": "número",
        "pág": "página",
        "págs": "páginas",
        "tel": "teléfono",
        "aprox": "aproximadamente",
        "máx": "máximo",
        "mín": "mínimo",
        "art": "artículo",
        "cap": "capítulo",
        "vol": "volumen",
        "s.a": "ese a",
    },
    letters=dict(zip("abcdefghijklmnñopqrstuvwxyz", _LETTERS.split(), strict=True)),
    signs={
        "&": "y",
        "+": "más",
        "=": "igual",
        "@": "arroba",
        "#": "almohadilla",
        "°": "grados",
        "º": "grados",
        "×": "por",
        "÷": "entre",
        ".": "punto",
        "/": "barra",
        "_": "guion",
        "€": "euros",
        "$": "dólares",
        "£": "libras",
        "n.º": "número",
        "nº": "número",
    },
    numbered=frozenset(("siglo", "siglos", "capítulo", "tomo", "volumen", "acto")),
    small=frozenset(_SMALL_WORDS.split()),
)
"""As it is spoken in Spain."""
