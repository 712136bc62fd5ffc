"""A rectangle of pixels or latent cells: the part of a picture that has to be computed.

Legend: H W pixels or cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right`, the last of each left out."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, height: int, width: int) -> Box:
        """All of a picture."""
        return cls(top=0, left=0, bottom=height, right=width)

    @classmethod
    def around(cls, mask_BHW: torch.Tensor) -> Box | None:
        """The smallest box that holds all that is true in any of the masks; none where nothing is."""
        mask = mask_BHW.any(0)
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        if len(rows) == 0:
            return None
        return cls(top=int(rows[0]), left=int(columns[0]), bottom=int(rows[-1]) + 1, right=int(columns[-1]) + 1)

    def grown(self, margin: int, within: tuple[int, int]) -> Box:
        """Larger by `margin` on every side, as far as (height, width) of the picture allow."""
        return Box(
            top=max(self.top - margin, 0),
            left=max(self.left - margin, 0),
            bottom=min(self.bottom + margin, within[0]),
            right=min(self.right + margin, within[1]),
        )

    def even(self, within: tuple[int, int]) -> Box:
        """With even sides, one row or column larger where need be and the picture allows.

        Networks are slow the first time they meet a size: this leaves them a quarter as many.
        """
        height, width = within
        down, across = (self.bottom - self.top) % 2, (self.right - self.left) % 2
        top = self.top - (down if self.bottom == height and self.top > 0 else 0)
        left = self.left - (across if self.right == width and self.left > 0 else 0)
        return Box(
            top=top,
            left=left,
            bottom=min(self.bottom + (down if top == self.top else 0), height),
            right=min(self.right + (across if left == self.left else 0), width),
        )

    def cells(self, size: int) -> Box:
        """The cells of `size` x `size` pixels that a box of pixels touches."""
        return Box(
            top=self.top // size, left=self.left // size, bottom=-(-self.bottom // size), right=-(-self.right // size)
        )

    def times(self, factor: int) -> Box:
        """The pixels of a box of cells, each of which is `factor` pixels high and wide."""
        return Box(
            top=self.top * factor, left=self.left * factor, bottom=self.bottom * factor, right=self.right * factor
        )

    def inside(self, outer: Box) -> Box:
        """This box as counted from the corner of `outer`, which holds it."""
        return Box(
            top=self.top - outer.top,
            left=self.left - outer.left,
            bottom=self.bottom - outer.top,
            right=self.right - outer.left,
        )

    def of(self, pictures_HW: torch.Tensor) -> torch.Tensor:
        """A view of this part of [..., H, W]."""
        return pictures_HW[..., self.top : self.bottom, self.left : self.right]
