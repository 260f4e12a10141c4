"""What goes wrong, as exceptions: one class a status of the library, with its text and its place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import _hone


class Error(Exception):
    """Base of all errors of Hone.

    Attributes:
        message: why, and what would be right.
        path: where: ``config.svm:C``, ``data.x[3,7]``, a file.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ArgumentError(Error, ValueError):
    """A call broke its contract."""


class ConfigError(Error, ValueError):
    """A hyperparameter is unknown, inactive or out of range."""


class DataError(Error, ValueError):
    """The data has a wrong shape or a value that is not allowed."""


class UnsupportedError(Error, ValueError):
    """The model cannot do what was asked."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed, or the memory cap was reached."""


_NUMBERS = {os.strerror(number): number for number in errno.errorcode}


class FileError(Error, OSError):
    """A file could not be read or written: `filename` is its name, `errno` the system's number or None."""

    def __new__(cls, message: str, path: str = "") -> FileError:
        reason = message.rpartition(": ")[2]
        number = _NUMBERS.get(reason)
        kind = MissingFileError if cls is FileError and number == errno.ENOENT else cls
        return super().__new__(kind, number, reason, path or None)

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message, path)
        self.args = (message, path)

    def __reduce__(self) -> tuple[Callable[..., FileError], tuple[Any, ...]]:
        return FileError, (self.message, self.path)


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file."""


@contextmanager
def file_errors(what: str, path: Any) -> Iterator[None]:
    """Errors of the system as `FileError`: "cannot be `what`: its reason"."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot be {what}: {error.strerror or error}", os.fsdecode(path)) from error


class CorruptError(Error, ValueError):
    """A model file is damaged or of a newer version."""


class StoppedError(Error, RuntimeError):
    """The run was stopped before there was anything to give."""


class InternalError(Error, RuntimeError):
    """A bug in Hone."""


# By number of status; 0 is success and never raised.
BY_STATUS = (InternalError, ArgumentError, ConfigError, DataError, UnsupportedError, OutOfMemoryError,
             FileError, CorruptError, StoppedError, InternalError)
_hone.set_errors(BY_STATUS)
