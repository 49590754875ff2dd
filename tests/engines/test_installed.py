"""Engines of other packages are found, loaded when they are chosen, and their faults told by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.packages import Install, installing

from vivavoce.config import engine_options, load
from vivavoce.engines import build, installed
from vivavoce.engines.installed import PORTS, Installed
from vivavoce.ports import Duplex, EngineError

HEAD = """
from typing import Annotated, Any, Callable
from msgspec import Meta
from vivavoce import ports
from vivavoce.engines import instant
"""
BARE = "class Mine(ports.{port}):\n    features = ()\n    def __init__(self) -> None: ..."
INSTANT = {f"VIVAVOCE_ENGINES__{role}__NAME": "instant" for role in ("VAD", "TURN", "ASR", "LLM", "TTS")}
INSTANT |= {f"VIVAVOCE_ENGINES__{role}__NAME": "none" for role in ("NOISE", "IMAGES")}
# What an engine of each role is made of here: an instant one, or the port's own empty members.
ENGINES = {
    "vad": "class Mine(instant.InstantVad): pass",
    "turn": "class Mine(instant.InstantTurnDetector): pass",
    "asr": "class Mine(instant.InstantAsr): pass",
    "llm": "class Mine(instant.InstantLlm): pass",
    "tts": "class Mine(instant.InstantTts): pass",
    "noise": BARE.format(port="NoiseReducer"),
    "images": BARE.format(port="ImageReader"),
    "image_urls": BARE.format(port="ImageFetcher"),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    with installing(tmp_path, monkeypatch) as ready:
        yield ready


def nowhere(name: str) -> Path:
    return Path("nowhere") / name


def offer(name: str = "mine") -> Installed:
    """The only engine of this name."""
    (found,) = [each for each in installed.installed() if each.name == name]
    return found


def refusal(found: Installed) -> str:
    """Why it cannot be had."""
    with pytest.raises(EngineError) as caught:
        found.make({option.name: option.default for option in found.options()})
    assert caught.value.code == "engine_unavailable"
    return caught.value.message


def test_nothing_of_a_package_is_imported_before_it_is_chosen(install: Install) -> None:
    install("quiet", "raise AssertionError('imported')", tts="mine = quiet:Mine")
    assert (offer().role, offer().package) == ("tts", "quiet (quiet:Mine)")
    assert load(None, {}, offers=installed.installed()).engines.tts.__struct_config__.tag == "hibari"
    assert "quiet" not in sys.modules


def test_every_role_can_be_another_package_s(install: Install) -> None:
    for role, code in ENGINES.items():
        install(f"their_{role}", HEAD + code, **{role: f"mine = their_{role}:Mine"})
    chosen = INSTANT | {f"VIVAVOCE_ENGINES__{role.upper()}__NAME": "mine" for role in ENGINES}
    built = build(engine_options(load(None, chosen, offers=installed.installed())), nowhere)
    modules = {role: type(engine).__module__ for role, engine in built.by_role().items() if role != "mcp"}
    assert modules == {role: f"their_{role}" for role in ENGINES}


def test_a_responder_of_another_package_answers_in_place_of_the_cascade(install: Install) -> None:
    install("native", HEAD + BARE.format(port="Responder"), responder="mine = native:Mine")
    chosen = {name: value for name, value in INSTANT.items() if "LLM" not in name and "TTS" not in name}
    chosen |= {"VIVAVOCE_ENGINES__RESPONDER__NAME": "mine"}
    built = build(engine_options(load(None, chosen, offers=installed.installed())), nowhere)
    assert built.by_role()["responder"] is built.responder
    assert (built.llm, built.tts) == (None, None)


def test_so_does_one_that_speaks_by_itself(install: Install) -> None:
    install("duplex", HEAD + BARE.format(port="Duplex"), responder="mine = duplex:Mine")
    assert isinstance(installed.make("responder", "mine", {}), Duplex)
    install("half", HEAD + "class Half:\n    converse = None", responder="half = half:Half")
    assert "is no engine for responder: it lacks aclose, features, instructed" in refusal(offer("half"))


def test_every_port_is_a_role() -> None:
    assert set(PORTS) == {*ENGINES, "responder"}


def test_a_name_that_nobody_offers() -> None:
    with pytest.raises(KeyError):
        installed.make("tts", "mine", {})


def test_options_reach_the_engine_with_their_defaults(install: Install) -> None:
    code = """
class Mine(instant.InstantTts):
    def __init__(self, pitch: Annotated[float, Meta(gt=0)] = 1.0, *, words: tuple[str, ...] = ("a",)) -> None:
        super().__init__()
        self.told = (pitch, words)
"""
    install("optional", HEAD + code, tts="mine = optional:Mine")
    config = load(None, {**INSTANT, "VIVAVOCE_ENGINES__TTS__NAME": "mine", "VIVAVOCE_ENGINES__TTS__PITCH": "2"},
                  offers=installed.installed())  # fmt: skip
    built = build(engine_options(config), nowhere)
    assert getattr(built.tts, "told", None) == (2.0, ("a",))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nowhere_at_all", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere_at_all'."),
        ("", "cannot be loaded: AttributeError: module 'faulty' has no attribute 'Mine'."),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero."),
        ("Mine = 3", "cannot be used: what the entry point names cannot be called."),
        ("def Mine(): raise OSError('the card is gone')", "cannot be used: OSError: the card is gone."),
        ("def Mine(): raise RuntimeError", "cannot be used: RuntimeError."),
        ("class Mine:\n    name = 'mine'\n    running = 0", "is no engine for tts: it lacks aclose, "),
        ("def Mine(**options: int): ...", "does not tell its options: **options: int is no keyword argument."),
        ("def Mine(pitch: int, /): ...", "does not tell its options: pitch: int is no keyword argument."),
        ("def Mine(pitch=1): ...", "does not tell the type of its option pitch."),
        ("def Mine(pitch: 'Pitch' = 1): ...", "does not tell its options: NameError: name 'Pitch' is not defined."),
        ("def Mine(name: str): ...", "has an option called name, and that is the setting which chooses the engine."),
        ("def Mine(pitch: Callable[[], int]): ...", "has an option that no settings file can hold: pitch: "),
        ("def Mine(pitch: tuple[set[int], ...]): ...", "has an option that no settings file can hold: pitch: "),
        ("def Mine(pitch: dict[int, int]): ...", "has an option that no settings file can hold: pitch: "),
        ("def Mine(pitch: Annotated[int, Meta(pattern='a')]): ...", "has an option that no settings file can hold: "),
        ("def Mine(pitch: int = None): ...", "has a wrong default for its option pitch: ValidationError: "),
        ("def Mine(pitch: Annotated[int, Meta(ge=5)] = 1): ...", "has a wrong default for its option pitch: "),
    ],
)  # fmt: skip
def test_a_fault_names_the_engine_and_its_package(install: Install, code: str, told: str) -> None:
    install("faulty", HEAD + code, tts="mine = faulty:Mine")
    message = refusal(offer())
    assert message.startswith(f"The engine mine, of the package faulty (faulty:Mine), {told}")
    assert message.endswith(".")
    assert not message.endswith("..")


def test_what_a_settings_file_can_hold(install: Install) -> None:
    code = """
from typing import Literal
def Mine(
    a: str, b: int | None = None, c: Literal["x", "y"] = "x", d: list[float] = [1.5], e: dict[str, bool] = {"f": True},
    g: object = (), h: Annotated[Any, Meta(description="whatever")] = None,
):
    "What it is.\\n\\nAnd more."
"""
    install("rich_in_options", HEAD + code, tts="mine = rich_in_options:Mine")
    assert offer().about() == "What it is."
    told = {option.name: (option.default, option.required) for option in offer().options()}
    assert told.pop("a")[1] is True
    assert told == {
        "b": (None, False),
        "c": ("x", False),
        "d": ([1.5], False),
        "e": ({"f": True}, False),
        "g": ((), False),
        "h": (None, False),
    }
