"""Pytest in the process of bpy; leaves without Blender's own shutdown, which may hang in a module."""

import os
import sys

import pytest

if __name__ == "__main__":
    code = pytest.main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))
