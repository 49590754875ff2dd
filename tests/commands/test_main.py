"""How the program begins."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

THREADS = ("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
BEGIN = f"""
import os, sys
from vivavoce.__main__ import main
assert "numpy" not in sys.modules
sys.argv = ["vivavoce", "--help"]
try:
    main()
finally:
    assert "numpy" in sys.modules
    print(*(os.environ[name] for name in {THREADS!r}))
"""


@pytest.mark.parametrize(
    ("set_before", "said"), [({}, "passive 1"), (dict(zip(THREADS, ("active", "2"), strict=True)), "active 2")]
)
def test_threads_of_libraries_do_not_spin_unless_somebody_wants_them_to(set_before: dict[str, str], said: str) -> None:
    others = {name: value for name, value in os.environ.items() if name not in THREADS}
    done = subprocess.run([sys.executable, "-c", BEGIN], env=others | set_before, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == said
