"""The settings in the telephone's documentation are ones that the server takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vivavoce.config import load
from vivavoce.config.sip import Sip

PAGE = (Path(__file__).parents[1] / "docs" / "telephony.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
SECRETS = {
    name: f"secret-of-{name}"
    for name in ("ALICE_PASSWORD", "TRUNK_PASSWORD", "CARRIER_PASSWORD", "OPENAI_WEBHOOK_SECRET")
}
PROJECT = '\n[projects.sales]\nkeys = ["sk-sales"]\n'


@pytest.mark.parametrize("block", BLOCKS, ids=[block.partition("\n")[0] for block in BLOCKS])
def test_the_settings_load_as_they_stand(tmp_path: Path, block: str) -> None:
    path = tmp_path / "vivavoce.toml"
    path.write_text(block + PROJECT, encoding="utf-8")
    assert load(path, SECRETS).sip != Sip()


def test_five_lines_are_enough() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line]) == 5
