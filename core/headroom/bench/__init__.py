"""What this machine does: a frame, its limits one by one, and a whole shot against them."""

from headroom.bench.frame import Bench, bench, synthetic_plate

__all__ = ["Bench", "bench", "synthetic_plate"]
