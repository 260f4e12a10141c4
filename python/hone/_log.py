"""Lines of the library into `logging`, and to a person who asked for them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from ._check import check_function, check_integer

LEVELS = {1: logging.WARNING, 2: logging.INFO, 3: logging.DEBUG}
logging.getLogger("hone").addHandler(logging.NullHandler())
Progress = Callable[[str, float, float], Any]


def level_of(log: logging.Logger) -> int:
    """The least important of the library's levels that anybody listens to; 0: none."""
    return max((n for n, level in LEVELS.items() if log.isEnabledFor(level)), default=0)


def log_line(log: logging.Logger) -> Callable[[int, str], None]:
    def line(level: int, text: str) -> None:
        log.log(LEVELS[level], "%s", text)

    return line


def spoken(log: logging.Logger) -> Callable[[int, str], None]:
    """The same, and a line on standard error with the time since the start."""
    started, quiet = time.perf_counter(), log_line(log)

    def line(level: int, text: str) -> None:
        quiet(level, text)
        if level <= 2:
            print(f"[hone {time.perf_counter() - started:8.2f} s] {text}", file=sys.stderr, flush=True)

    return line


def bar() -> Progress:
    """A progress bar of tqdm."""
    from tqdm.auto import tqdm

    shown = tqdm(total=100, unit="%", bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}")

    def move(stage: str, fraction: float, eta: float) -> None:
        shown.set_description(stage)
        shown.n = round(100 * fraction)
        shown.refresh()
        if fraction >= 1:
            shown.close()

    return move


def printed() -> Progress:
    """Progress on one line of standard error."""

    def show(stage: str, fraction: float, eta: float) -> None:
        left = f"{eta:6.1f} s left" if eta > 0 else ""
        print(f"\r{stage:<14} {fraction:4.0%} {left}\x1b[K", end="\n" if fraction >= 1 else "",
              file=sys.stderr, flush=True)

    return show


def listeners(verbose: int, progress: Any) -> tuple[Callable[[int, str], None], int, Progress | None]:
    """What the library calls: (log, its level, progress)."""
    check_integer(int(verbose) if isinstance(verbose, bool) else verbose, "verbose", 0, 2**31)
    if not isinstance(progress, bool):
        check_function(progress, "progress")
    log = logging.getLogger("hone.train")
    line = spoken(log) if verbose else log_line(log)
    level = max(level_of(log), 2 if verbose else 0)
    if progress is True:
        return line, level, bar()
    if progress:
        return line, level, progress
    return line, level, printed() if verbose > 1 else None
