"""The host's side of the worker: for Blender, Nuke and any other program that must not load torch itself.

Standard library only and relative imports only, in the syntax of Python 3.9: `build_plugins.py` copies this folder
into each plug-in. Nothing here raises for what a worker does; what goes wrong is an outcome with a sentence and a fix.

    worker = Worker(find_worker().command)
    worker.start()
    run = worker.submit({"boost": 2.0}, [{"frame": 1, "source": "/a.jpg", "target": "/a.exr"}])
    outcome = run.wait()
"""

from __future__ import annotations

__all__: list[str] = []
