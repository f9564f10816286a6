"""The wire inside the process, for the tests of this folder."""

from tests.support.memory_transport import memory_wire

__all__ = ["memory_wire"]
