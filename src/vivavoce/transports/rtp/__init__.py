"""A call's audio over RTP, for every transport that has it.

`codecs.py` names the codecs, `stream.py` is the packets and reports of one call, both ways, without a clock or a
network, `saying.py` paces what is said, and `line.py` is the runtime's `Line` made of both.
"""
