"""Hems that do not run straight across the legs, told by colours; and legs that go on under them."""

import pytest
import torch

from animator.conditioning.warp.layer import Layer
from animator.conditioning.warp.layers import split_layers
from tests.animator.conditioning.warp.dressed import CLOTH, Picture, in_a_skirt, joint, pose_of

SKIRT = torch.tensor(CLOTH)[:, None, None] / 255
# Half the height between a slanted hem's ends, px.
SLANT = 3.0


def _layers(picture: Picture) -> dict[str, Layer]:
    return {layer.name: layer for layer in split_layers(*picture, pose_of(), cell_px=4)[0]}


def _is_cloth(photo: torch.Tensor) -> torch.Tensor:
    """The skirt; the sleeves have its colour, too."""
    below_hips = torch.arange(photo.shape[1])[:, None] > float(joint("left_hip")[1]) + 8
    return ((photo - SKIRT).abs().amax(0) < 0.05) & below_hips


@pytest.mark.parametrize("slanted_px", [SLANT, -SLANT])
def test_a_slanted_skirt_stays_with_the_body_and_legs_have_none_of_it(slanted_px: float) -> None:
    photo, matte = in_a_skirt(slanted_px=slanted_px)
    cloth, layers = _is_cloth(photo), _layers((photo, matte))
    assert float(layers["body"].alpha_HW[cloth].mean()) > 0.98
    for name in ("left_leg", "right_leg"):
        leg = layers[name]
        assert not (_is_cloth(leg.colors_3HW) & (leg.alpha_HW > 0.1)).any()


@pytest.mark.parametrize("slanted_px", [SLANT, -SLANT])
def test_what_is_bare_under_a_slanted_hem_goes_with_the_leg(slanted_px: float) -> None:
    photo, matte = in_a_skirt(slanted_px=slanted_px)
    layers = _layers((photo, matte))
    rows = torch.arange(matte.shape[0])[:, None]
    knee = float(joint("left_knee")[1])
    bare = ~_is_cloth(photo) & (matte > 0.99) & (rows > knee - 14) & (rows < knee)
    # Not the last pixel beside the cloth, which is of both.
    bare &= torch.nn.functional.max_pool2d(_is_cloth(photo)[None].float(), 3, 1, 1)[0] == 0
    assert int(bare.sum()) > 50
    assert float(layers["body"].alpha_HW[bare].mean()) < 0.05
    assert float((layers["left_leg"].alpha_HW + layers["right_leg"].alpha_HW)[bare].mean()) > 0.95


def test_under_its_hem_a_leg_goes_on_as_wide_as_it_comes_out_and_as_bright() -> None:
    photo, matte = in_a_skirt()
    hem = float(joint("left_hip")[1] + 0.8 * (joint("left_knee")[1] - joint("left_hip")[1]))
    leg = _layers((photo, matte))["left_leg"]
    above, below = int(hem) - 3, int(hem) + 5
    shown = leg.alpha_HW[above] > 0.5
    assert abs(int(shown.sum()) - int((leg.alpha_HW[below] > 0.5).sum())) <= 3
    assert (leg.colors_3HW[:, above, shown].mean(1) - leg.colors_3HW[:, below, shown].mean(1)).abs().max() < 0.05
    assert float(leg.invented_HW[above, shown].min()) > 0.7
    assert float(leg.invented_HW[below + 5].max()) < 0.1


def test_where_legs_have_the_colours_of_the_skirt_its_hem_is_straight() -> None:
    photo, matte = in_a_skirt()
    layers = _layers((torch.where(matte > 0.5, SKIRT, photo), matte))
    seen = (layers["left_leg"].alpha_HW + layers["right_leg"].alpha_HW > 0.5).nonzero()
    hem = float(joint("left_hip")[1] + 0.8 * (joint("left_knee")[1] - joint("left_hip")[1]))
    assert float(seen[:, 0].min()) == pytest.approx(hem, abs=5)
