"""The HTTP side, over aiohttp: webhook answers, media sockets, probes."""
