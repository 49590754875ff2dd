"""An offer that is cancelled in the same breath: what the server says of its media is what holds."""

from __future__ import annotations

import asyncio

from tests.patience import PATIENCE_S
from tests.transports.sip.handset import HOST, handset, until
from tests.transports.sip.real import server
from tests.transports.sip.scene import request

from vivavoce.transports.sip.actions import Confirmed, Headers
from vivavoce.transports.sip.framing import Framer
from vivavoce.transports.sip.message import Request, Response, parse


def test_an_offer_is_answered_or_withdrawn_and_never_both() -> None:
    async def scenario() -> None:
        async with server() as here, handset() as phone, handset() as moved:
            reader, writer = await asyncio.open_connection(HOST, here.endpoint.places[1][2])
            framer, got = Framer(), list[Request | Response]()

            async def final() -> Response:
                while True:
                    while got:
                        if isinstance(message := got.pop(0), Response) and message.final:
                            return message
                    data = await asyncio.wait_for(reader.read(4096), PATIENCE_S)
                    got.extend(parse(each) for each in framer.feed(data))

            contact: Headers = (("Contact", f"<sip:ann@{HOST};transport=tcp>"),)
            writer.write(request("INVITE", transport="TCP", sdp=phone.offer(), headers=contact))
            tag = (await final()).to.tag or ""
            writer.write(request("ACK", transport="TCP", branch="z9hG4bK-ack", to=tag))
            await until(lambda: Confirmed(tag, None) in here.news)
            again = {"transport": "TCP", "branch": "z9hG4bK-2", "to": tag}
            invite = request("INVITE", number=2, sdp=moved.offer(), headers=contact, **again)
            writer.write(invite + request("CANCEL", number=2, **again))  # type: ignore[arg-type]
            finals = {each.cseq[1]: each.status for each in (await final(), await final())}
            assert finals["CANCEL"] == 200
            hears, other = (moved, phone) if finals["INVITE"] == 200 else (phone, moved)
            assert finals["INVITE"] in (200, 487)
            await until(lambda: len(hears.got) >= 3)
            count = len(other.got)
            await until(lambda: len(hears.got) >= 10)
            assert len(other.got) <= count + 1
            writer.close()

    asyncio.run(scenario())
