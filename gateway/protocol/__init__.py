"""
The realtime API: wire in, events out; inputs in, wire out. No I/O.

`events` and `inputs` are the words, `codec` speaks them, `session` is what a session is configured with,
`arbiter` decides when a response may be asked for.
"""
