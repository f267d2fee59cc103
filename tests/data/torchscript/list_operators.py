"""Writes the schemas of all aten and prim operators that the torch of this Python knows, one a line, gzipped.

/path/to/torch-2.1.1/bin/python list_operators.py torch-2.1.1-operators.txt.gz
"""

import gzip
import sys
from pathlib import Path

import torch

schemas = sorted({str(schema) for schema in torch._C._jit_get_all_schemas()})
kept = [schema for schema in schemas if schema.startswith(("aten::", "prim::"))]
Path(sys.argv[1]).write_bytes(gzip.compress("\n".join([torch.__version__, *kept, ""]).encode(), mtime=0))
