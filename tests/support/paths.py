"""Where the tests and what they test stand."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
FRONTEND = ROOT / "nb_stream" / "frontend"
