"""What goes wrong, as exceptions: one class a status of the library, with its text and its place."""

from __future__ import annotations

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


class FileError(Error, OSError):
    """A file could not be read or written."""


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
