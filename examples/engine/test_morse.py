import asyncio

from vivavoce_morse import Morse

from vivavoce.testing.conformance import check_tts


def test_it_keeps_the_contract() -> None:
    asyncio.run(check_tts(Morse()))
