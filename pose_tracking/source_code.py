"""What code this is: other code may make other numbers and other pictures under the same version number."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def source_sha256(*packages: Path) -> str:
    """SHA-256 over the Python files of some packages, by their folders, in hexadecimal."""
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
