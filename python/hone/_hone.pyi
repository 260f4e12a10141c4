# The extension module (python/src): arguments are checked by the package before they get there.
from typing import Any

version: str

def __getattr__(name: str) -> Any: ...
