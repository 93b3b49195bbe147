"""The gateway over real sockets, between simulated phones and a simulated realtime server."""
