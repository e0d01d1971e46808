"""Where a checkout of openpi keeps what the benchmarks import from it."""

import sys
from pathlib import Path


def use(upstream):
    """Puts the server's and the client's packages of the checkout first on the path."""
    root = Path(upstream).resolve()
    sys.path[:0] = [str(root / "src"), str(root / "packages" / "openpi-client" / "src")]
