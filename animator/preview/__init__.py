"""Pictures for people: a film on one sheet, and photo, clip and result next to each other."""

from animator.preview.contact_sheet import ContactSheet, contact_sheet
from animator.preview.side_by_side import SideBySide, side_by_side

__all__ = ["ContactSheet", "SideBySide", "contact_sheet", "side_by_side"]
