"""
The other side of every socket, simulated: a phone, a realtime server, voices for both.

Tests, benches and the offline commands talk to these instead of to a carrier and a model. To be a
witness and not an accomplice, nothing in here uses the gateway's own codecs: each simulator writes
its own wire format from the peer's documentation.
"""
