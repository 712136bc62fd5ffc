"""Which machine a measurement was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """The processor, its cores and how busy they are: without these, nobody can hold two measurements together."""
    return f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    listing = Path("/proc/cpuinfo")
    text = listing.read_text(encoding="utf-8", errors="replace") if listing.is_file() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
