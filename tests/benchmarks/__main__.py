"""`make bench`: what Runyard costs, beside the bare process, on this machine, now.

One table; each row is the median of its rounds, or what its name says. Nothing here fails
on a figure: figures are read, and ratios compared within one table.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks.cases import CASES
from tests.benchmarks.rig import Rig


def main(wanted: list[str]) -> None:
    """Run the named cases, or all."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-") as folder, Rig(Path(folder)) as rig:
        print(f"{'what':<52} {'runyard':>10} {'bare':>10} {'ratio':>7}   bound")
        for name, case in CASES.items():
            if wanted and name not in wanted:
                continue
            for row in case(rig):
                ratio = f"{row.ours / row.bare:7.1f}" if row.bare else " " * 7
                bare = f"{row.bare:10.3f}" if row.bare else " " * 10
                print(f"{row.what:<52} {row.ours:10.3f} {bare} {ratio}   {row.bound}", flush=True)


main(sys.argv[1:])
