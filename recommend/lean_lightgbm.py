"""LightGBM without scikit-learn, which it imports where that is installed, for wrappers that nobody here uses.

Beside the packages for training it would cost each process that serves half a second and 70 MB.
"""

from __future__ import annotations

import sys

_HIDDEN = "sklearn"

if _HIDDEN in sys.modules:
    import lightgbm
else:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # None makes its import fail
    try:
        import lightgbm
    finally:
        del sys.modules[_HIDDEN]

__all__ = ["lightgbm"]
