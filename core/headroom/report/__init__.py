"""``headroom report``: one self-contained HTML page that shows what a reconstruction did.

Pixels travel into the page as logarithmic integers (see `codec`), so that the browser works on the real light.
"""

from __future__ import annotations

from headroom.report.make import Made, make

__all__ = ["Made", "make"]
