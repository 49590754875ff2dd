"""One call's side of all its offers and answers: what holds, and with which key of ours."""

from __future__ import annotations

from collections.abc import Iterable

from vivavoce.transports.sip import negotiation
from vivavoce.transports.sip.negotiation import Agreed, Offer, Place, Terms
from vivavoce.transports.sip.sdp import SdpError, Writer
from vivavoce.transports.sip.srtp import SUITES, Crypto


class Agreement:
    """Media at `host` and `port`, and the reports of it one port further or, if that is agreed on, there too."""

    def __init__(self, host: str, port: int, terms: Terms) -> None:
        self.agreed: Agreed | None = None
        """What holds; None before the first answer."""
        self.ours: Crypto | None = None
        """The key of what we send; None where nothing is encrypted."""
        self._host = host
        self._port = port
        self._terms = terms
        self._writer = Writer()
        self._said: tuple[Offer, tuple[Crypto, ...]] | None = None
        """Our last description, as an offer, and the keys in it: a session is kept alive by saying it again."""

    def answer(self, agreed: Agreed) -> str:
        """Take an offer as `choose` understood it; the answer to it."""
        ours = None if agreed.crypto is None else self._key(agreed.crypto)
        self.agreed, self.ours = agreed, ours
        keys = () if ours is None else (ours,)
        self._said = negotiation.another_offer(agreed), keys
        return self._written(negotiation.answer(agreed, self._place(keys)))

    def reoffered(self, offer: str) -> str:
        """The answer to another offer. Raises `SdpError`; then all is as it was."""
        return self.answer(self._fitting(negotiation.choose(offer, self._terms, self.agreed)))

    def offer(self) -> str:
        """An offer of ours: everything, or within a call what holds."""
        keys: tuple[Crypto, ...] = ()
        if self.agreed is not None:
            offer = negotiation.another_offer(self.agreed)
            keys = () if self.ours is None else (self.ours,)
        else:
            offer = negotiation.first_offer(self._terms)
            if self._terms.srtp != "off":
                keys = tuple(Crypto.fresh(tag, suite) for tag, suite in enumerate(SUITES, 1))
        self._said = offer, keys
        return self._written(negotiation.described(offer, self._place(keys)))

    def accept(self, answer: str) -> None:
        """The other side's answer to what was said last. Raises `SdpError`; then all is as it was."""
        if self._said is None:
            raise SdpError("This answers no offer.")
        offer, keys = self._said
        agreed = self._fitting(negotiation.accept(answer, offer, self._terms))
        ours = None
        if agreed.crypto is not None:
            wanted = agreed.crypto.tag, agreed.crypto.suite
            ours = next((each for each in keys if (each.tag, each.suite) == wanted), None)
            if ours is None:
                raise SdpError("The answer's 'a=crypto' line answers none of the offer's.")
        self.agreed, self.ours = agreed, ours

    def _key(self, theirs: Crypto) -> Crypto:
        """Ours, for an answer to theirs: it stays as long as it can."""
        if self.ours is not None and self.ours.suite == theirs.suite:
            return Crypto(theirs.tag, theirs.suite, self.ours.key)
        return Crypto.fresh(theirs.tag, theirs.suite)

    def _fitting(self, agreed: Agreed) -> Agreed:
        if agreed.to is not None and (":" in agreed.to[0]) != (":" in self._host):
            raise SdpError("A call cannot change between IPv4 and IPv6.")
        return agreed

    def _place(self, keys: tuple[Crypto, ...]) -> Place:
        mux = self.agreed is not None and self.agreed.mux
        return Place(self._port, self._port if mux else self._port + 1, keys)

    def _written(self, media: Iterable[str]) -> str:
        return self._writer.write(self._host, media)
