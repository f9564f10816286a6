"""A team in another process, seen from here: the connection, what goes over it, and the transports that carry it."""
