"""Who is to blame is said by the type."""


class GatewayError(Exception):
    """Everything that this package raises on purpose."""


class ConfigError(GatewayError):
    """Ours to fix before start; the message names the file and the key."""


class UserError(GatewayError):
    """This package is used in a way that cannot work; the message says what was given and what would do."""


class ProtocolError(GatewayError):
    """Someone left the protocol."""


class LocalProtocolError(ProtocolError):
    """We were about to send nonsense: a bug."""


class RemoteProtocolError(ProtocolError):
    """They sent nonsense: their bug, counted against them."""


class PeerError(GatewayError):
    """The other end is unreachable, refused us, or is too slow."""


class ToolError(GatewayError):
    """Told to the model, not to the operator."""
