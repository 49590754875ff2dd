"""A loop whose UDP sockets lose datagrams, by a seeded chance."""

from __future__ import annotations

import asyncio
import socket

from vivavoce.bench.lossy import Address, LossyLoop

SENT = 200
LAST = b"last"


class Kept(asyncio.DatagramProtocol):
    """Keeps what comes, until the last of it."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.done = asyncio.Event()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """The next one."""
        self.kept.append(data)
        if data == LAST:
            self.done.set()


def received(share: float, seed: int) -> tuple[list[bytes], int]:
    """What comes of so many datagrams, and how many the loop says were lost. The last one is sent until it comes."""

    async def scenario() -> list[bytes]:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Kept, local_addr=("127.0.0.1", 0))
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect(transport.get_extra_info("sockname"))
            for number in range(SENT):
                sender.send(b"%d" % number)
                await asyncio.sleep(0)  # it is read meanwhile
            while not protocol.done.is_set():
                sender.send(LAST)
                await asyncio.sleep(0)
        transport.close()
        return [each for each in protocol.kept if each != LAST]

    with asyncio.Runner(loop_factory=lambda: LossyLoop(share, seed)) as runner:
        kept = runner.run(scenario())
        loop = runner.get_loop()
        assert isinstance(loop, LossyLoop)
        return kept, loop.lost


def sent(share: float) -> int:
    """How many of so many datagrams leave."""

    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.setblocking(False)
            transport, _ = await loop.create_datagram_endpoint(Kept, local_addr=("127.0.0.1", 0))
            came = 0
            for _ in range(SENT):
                transport.sendto(b"x", receiver.getsockname())
                try:
                    came += len(receiver.recv(1))
                except BlockingIOError:
                    continue
            transport.close()
            return came

    with asyncio.Runner(loop_factory=lambda: LossyLoop(share, 1)) as runner:
        return runner.run(scenario())


def test_nothing_is_lost_at_zero() -> None:
    kept, lost = received(0.0, 1)
    assert kept == [b"%d" % number for number in range(SENT)]
    assert lost == 0
    assert sent(0.0) == SENT


def test_about_the_share_is_lost_each_way_and_the_same_each_time() -> None:
    kept, lost = received(0.2, 1)
    assert SENT * 0.7 < len(kept) < SENT * 0.9
    assert lost >= SENT - len(kept)
    assert received(0.2, 1)[0] == kept
    assert received(0.2, 2)[0] != kept
    assert SENT * 0.7 < sent(0.2) < SENT * 0.9
