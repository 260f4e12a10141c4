"""The program `hone-smac-target`: a trial as SMAC3's script runner asks for one, `--name=value` in, one line out.

The runner passes nothing but the trial, so the rest stands in the environment:

    HONE_DATA     the data: a file that `Dataset.read` takes, or the folder that `Dataset.share` made
    HONE_READ     arguments of `Dataset.read` as JSON, as {"target": "type"}
    HONE_OPTIONS  options of `hone.Target` as JSON, as {"validation": "cv:3", "model_dir": "models"}

Standard output gets one line, everything else goes to standard error. The exit code is that of the command line:
2 for a wrong configuration or argument, 3 for data, 4 for memory, 5 for files, 130 after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ._dataset import Dataset
from ._errors import ArgumentError, DataError, Error, OutOfMemoryError
from ._share import attach
from ._target import Target

FAILED, USAGE, DATA, MEMORY, FILE, INTERRUPTED = 1, 2, 3, 4, 5, 130
_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (DataError, DATA), (OutOfMemoryError, MEMORY), (OSError, FILE), (ValueError, USAGE), (TypeError, USAGE))
_OF_TRIAL = ("seed", "budget", "instance")
_IGNORED = ("instance_features", "cutoff")  # the runner passes them whatever the target takes


def read_arguments(arguments: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """(configuration, what else the runner says of the trial)."""
    config: dict[str, str] = {}
    trial: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not name.startswith("--") or len(name) < 3 or not equals:
            raise ArgumentError(f"--name=value is needed, not {argument!r}", "arguments")
        name = name[2:]
        if name in _OF_TRIAL:
            trial[name] = value
        elif name not in _IGNORED:
            config[name] = value
    for name, kind in (("seed", int), ("budget", float)):
        if name in trial:
            trial[name] = _number(name, trial[name], kind)
    return config, trial


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ArgumentError(f"a number is needed, not {text!r}", name) from None


def _json(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    text = environment.get(name, "{}")
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArgumentError(f"is no JSON: {error}", name) from None
    if not isinstance(found, dict):
        raise ArgumentError(f"an object is needed, not {text}", name)
    return found


def open_data(environment: Mapping[str, str]) -> Dataset:
    """The dataset that the environment names."""
    place = environment.get("HONE_DATA")
    if not place:
        raise ArgumentError("is not set: it names the file with the data", "HONE_DATA")
    return attach(place) if os.path.isdir(place) else Dataset.read(place, **_json("HONE_READ", environment))


def line(loss: float, seconds: float, cpu: float, info: Mapping[str, Any]) -> str:
    """What the runner reads. It parts at ';' and '=' and drops blanks: in JSON texts these are escaped."""
    text = json.dumps(info, separators=(",", ":"))
    for mark in "=; ":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f"cost={loss!r}; runtime={seconds:.6f}; cpu_time={cpu:.6f}; status=SUCCESS; additional_info={text}"


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The line of a trial that succeeds."""
    started, cpu = time.perf_counter(), time.process_time()
    config, trial = read_arguments(arguments)
    target = Target(open_data(environment), info=True, **_json("HONE_OPTIONS", environment))
    loss, info = target(config, **trial)
    return line(loss, time.perf_counter() - started, time.process_time() - cpu, info)


def main() -> int:
    """Entry point; the exit code."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    try:
        print(run(sys.argv[1:], os.environ))
        return 0
    except KeyboardInterrupt:
        code, said, status = INTERRUPTED, "interrupted", "CRASHED"
    except (Error, OSError, TypeError) as error:
        code = next((c for kind, c in _CODES if isinstance(error, kind)), FAILED)
        said, status = str(error), "MEMORYOUT" if code == MEMORY else "CRASHED"
    print(f"status={status}")
    print(f"hone-smac-target: {said}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
