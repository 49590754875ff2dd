"""Black-box conformance: drives any server of the OpenAI Realtime protocol over the network and judges what it sends.

Not to be confused with `testing/conformance.py`, the contract that engines behind the ports keep.
"""
