"""A shell's background jobs ignore Ctrl-C, and pass that on to what they start."""

from __future__ import annotations

import signal


def heed() -> None:
    """Let this process, or one that is about to begin (`preexec_fn`), be interrupted by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
