"""Ten agents at 2,000 tokens a second each for a minute, in JupyterLab: what goes over the line, and what is lost.

python tests/benchmarks/browser/limits.py [seconds] [CPU throttling of the page]
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from playwright.sync_api import sync_playwright

from tests.support.browser.firehose import measure
from tests.support.browser.jupyter import CHROMIUM, FLAGS, Server


def main() -> None:
    """Print the figures; fails where the page does not end with the kernel's transcript."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(pathlib.Path(folder)).running() as server,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        (figures,) = measure(server, chromium, "firehose.ipynb", seconds, (rate,))
        chromium.close()
    print(f"{figures}; {'the server warned of its limits' if figures.warned else 'nothing was lost'}")


if __name__ == "__main__":
    main()
