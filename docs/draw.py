"""Draw the pictures of the documentation's pages: run examples and write their figures to docs/images.

    python docs/draw.py Thieu_2022_noisy_neurons:2 Dou_2026_loops:1

writes the second figure of one example and the first of another.
"""

import runpy
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

DOCS = Path(__file__).parent

if __name__ == "__main__":
    mpl.use("Agg")
    for word in sys.argv[1:]:
        name, number = word.split(":")
        plt.close("all")
        runpy.run_path(str(DOCS.parent / "examples" / f"{name}.py"), run_name="__main__")
        plt.figure(plt.get_fignums()[int(number) - 1]).savefig(DOCS / "images" / f"{name}_{number}.png", dpi=110)
