"""The `vivavoce` program, also as `python -m vivavoce`."""

from __future__ import annotations

import os


def main() -> None:
    """Run it.

    Threads of numerical libraries spin while they wait for one another. Any other load on the cores then slows a
    language model twentyfold, and holds up the event loop for tens of milliseconds over products of small matrices.
    """
    # Read when those libraries are loaded, hence before anything that computes is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from vivavoce.cli import app

    app()


if __name__ == "__main__":
    main()
