"""
Sockets, behind a seam of two calls: a text came, by callback; send a text, without waiting.

`provider` is the provider's media stream over aiohttp, `model` the realtime session over websockets. Both write
straight to the transport, whose buffer is the outbox; a side that lets it grow past its bound is let go.
"""
