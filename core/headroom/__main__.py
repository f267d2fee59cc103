"""``python -m headroom``."""

from __future__ import annotations

from headroom.cli import main

if __name__ == "__main__":
    main()
