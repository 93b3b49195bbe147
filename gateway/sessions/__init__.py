"""
Sockets, behind a seam: a text came, by callback; send a text, without waiting.

`socket` is one open WebSocket, whoever opened it; `provider` accepts a provider's media stream, `model` connects to a
realtime server.
"""
