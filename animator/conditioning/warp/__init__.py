"""The photo carried along the limbs (warp guidance)."""

from animator.conditioning.warp.photo_warp import PhotoWarp, WarpedPhoto

__all__ = ["PhotoWarp", "WarpedPhoto"]
