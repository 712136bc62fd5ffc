"""Rendered people: bodies, garments, motion and a rasteriser with exact ground truth (extra `[synthesis]`)."""
