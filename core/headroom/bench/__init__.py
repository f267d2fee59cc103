"""What this machine does: a frame, its limits one by one, and a whole shot against them.

``headroom.bench.shot`` runs the pipeline of ``headroom.jobs``; it is imported only when a shot is measured.
"""

from __future__ import annotations

from headroom.bench.frame import Bench, bench, synthetic_plate

__all__ = ["Bench", "bench", "synthetic_plate"]
