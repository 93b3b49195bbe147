"""
A realtime model as its users meet it, without I/O: texts in, events out; inputs in, texts out.

`events`, `inputs`, `items` and `settings` are the words. `reader` makes events of what a server says, `writer` and
`session_object` make messages of what a user wants, `beta` writes them for servers that know no other names.
`playback` and `spoken` know what was heard, and `session` decides.
"""
