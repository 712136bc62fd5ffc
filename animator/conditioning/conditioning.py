"""What the network is told: the photo as tokens, the poses as maps, the warped photo as latents.

Training and rendering both go through `Conditioner`, so they see the same tensors; docs/checkpoint-format.md is
the contract. Sources: DreamPose (Karras et al. 2023, sections 3.2 and 3.3); the warped photo is ours.

Legend: B batch, N window, K keypoints, L tokens, D token width, C channels, H W pixels, h w latent cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from animator.conditioning.clip_picture import clip_picture, normalised
from animator.conditioning.pose_map import densepose_map, null_pose, pose_map
from animator.errors import ModelError
from animator.models.reference import PhotoMemory, read_photo
from animator.models.subject_model import SubjectModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditioning:
    """All conditions of B frames.

    Attributes:
        pose_map_BChw: N poses, C channels each.
        tokens_BLD: the photo.
        null_tokens_1LD: no photo: a black picture through the same encoders.
        warp_BChw: latents of the warped photo and its coverage; none for models without warp channels.
        warp_is_start: the network's output is added to the warped photo (`Manifest.residual`), which therefore
            stays when a condition is taken away.
        photo: what the network's self-attention sees of the photo; none for models without (`Manifest.reference`).
    """

    pose_map_BChw: torch.Tensor
    tokens_BLD: torch.Tensor
    null_tokens_1LD: torch.Tensor
    warp_BChw: torch.Tensor | None = None
    warp_is_start: bool = False
    photo: PhotoMemory | None = None

    def without_pose(self) -> Conditioning:
        """No pose given. The warped photo would tell it, so there is none but where it is the start."""
        every = torch.ones(len(self.tokens_BLD), dtype=torch.bool, device=self.tokens_BLD.device)
        return self.dropped(image_B=~every, pose_B=every)

    def without_image(self) -> Conditioning:
        """No photo given, and therefore no warped one but where it is the start."""
        every = torch.ones(len(self.tokens_BLD), dtype=torch.bool, device=self.tokens_BLD.device)
        return self.dropped(image_B=every, pose_B=~every)

    def dropped(self, *, image_B: torch.Tensor, pose_B: torch.Tensor) -> Conditioning:
        """Take conditions away sample by sample: bool [B] each.

        A residual model keeps the warped photo: without it a branch would have to paint the whole picture, which
        guidance would then exaggerate, where all that is asked for is a stronger correction.
        """
        image, pose = image_B[:, None, None], pose_B[:, None, None, None]
        warp = self.warp_BChw
        if warp is not None and not self.warp_is_start:
            warp = torch.where(pose | image[..., None], 0.0, warp)
        return replace(
            self,
            tokens_BLD=torch.where(image, self.null_tokens_1LD, self.tokens_BLD),
            pose_map_BChw=torch.where(pose, null_pose(self.pose_map_BChw), self.pose_map_BChw),
            warp_BChw=warp,
            photo=None if self.photo is None else self.photo.dropped(image_B),
        )

    @classmethod
    def joined(cls, parts: Sequence[Conditioning]) -> Conditioning:
        """Several batches as one."""
        warps = [part.warp_BChw for part in parts if part.warp_BChw is not None]
        photos = [part.photo for part in parts if part.photo is not None]
        sizes = [len(part.tokens_BLD) for part in parts]
        return cls(
            pose_map_BChw=torch.cat([part.pose_map_BChw for part in parts]),
            tokens_BLD=torch.cat([part.tokens_BLD for part in parts]),
            null_tokens_1LD=parts[0].null_tokens_1LD,
            warp_BChw=torch.cat(warps) if warps else None,
            warp_is_start=parts[0].warp_is_start,
            photo=PhotoMemory.joined(photos, sizes) if photos else None,
        )

    @property
    def channels_BChw(self) -> torch.Tensor:
        """What stands behind the noisy latents in the UNet's input."""
        if self.warp_BChw is None:
            return self.pose_map_BChw
        return torch.cat([self.pose_map_BChw, self.warp_BChw.to(self.pose_map_BChw)], 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhotoFeatures:
    """Both frozen encoders' view of a photo; the adapter, which is trained, makes tokens of it.

    Attributes:
        clip_BLD: CLIP's last hidden states.
        latents_BChw: the autoencoder's latents.
    """

    clip_BLD: torch.Tensor
    latents_BChw: torch.Tensor


class Conditioner:
    """Makes `Conditioning` with a model's encoders.

    Args:
        model: encoders, adapter, value ranges and sizes.
    """

    def __init__(self, model: SubjectModel) -> None:
        self.model = model
        self._black: PhotoFeatures | None = None

    def features(self, photo_B3HW: torch.Tensor) -> PhotoFeatures:
        """Encode photos on the canvas, [0, 1]; results can be kept where the encoders are not trained.

        Raises:
            ModelError: photos of another size than the model's canvas.
        """
        return PhotoFeatures(clip_BLD=self.clip_states(photo_B3HW), latents_BChw=self.appearance_latents(photo_B3HW))

    def clip_states(self, photo_B3HW: torch.Tensor) -> torch.Tensor:
        """CLIP's last hidden states [B, L, D] of photos, float32; gradients reach an encoder that is trained."""
        self._check_canvas(photo_B3HW)
        ranges, encoder = self.model.manifest.ranges, self.model.image_encoder
        square = clip_picture(photo_B3HW, side=int(encoder.config.image_size), fit=ranges.image_encoder_fit)
        pixels = normalised(square, value_range=ranges.image_encoder)
        trained = torch.is_grad_enabled() and any(each.requires_grad for each in encoder.parameters())
        with torch.set_grad_enabled(trained):
            states: torch.Tensor = encoder(pixel_values=pixels.to(encoder.dtype)).last_hidden_state
        return states.float()

    @torch.no_grad()
    def appearance_latents(self, photo_B3HW: torch.Tensor) -> torch.Tensor:
        """The autoencoder's latents [B, C, h, w] of photos, in the range the adapter was trained with."""
        self._check_canvas(photo_B3HW)
        return self.model.codec.encode(photo_B3HW, value_range=self.model.manifest.ranges.appearance)

    def _check_canvas(self, photo_B3HW: torch.Tensor) -> None:
        width, height = self.model.manifest.canvas
        if tuple(photo_B3HW.shape[-2:]) != (height, width):
            got = f"{photo_B3HW.shape[-1]}x{photo_B3HW.shape[-2]}"
            raise ModelError(
                f"a canvas of {got} px, the model was made for {width}x{height}: use --canvas {width}x{height}"
            )

    def tokens(self, features: PhotoFeatures) -> torch.Tensor:
        """Tokens [B, L, D]; gradients reach the adapter."""
        adapter = self.model.adapter
        tokens: torch.Tensor = adapter(features.clip_BLD.to(adapter.dtype), features.latents_BChw.to(adapter.dtype))
        return tokens

    def photo_memory(self, features: PhotoFeatures, tokens_BLD: torch.Tensor) -> PhotoMemory | None:
        """What the network's self-attention keeps of photos; none for models that do not look at them.

        The network reads a photo as a frame that is done: no noise, the photo as the warped one, and no pose. To be
        done once per photo; gradients reach all that is trained.

        Args:
            features: of the photos.
            tokens_BLD: of the same photos.
        """
        model = self.model
        if model.reference is None:
            return None
        latents = features.latents_BChw
        poses = latents.new_zeros(len(latents), model.manifest.num_poses * model.manifest.pose_channels, 1, 1)
        inputs = [latents, poses.expand(-1, -1, *latents.shape[-2:])]
        if model.manifest.warp:
            inputs += [latents, torch.ones_like(latents[:, :1])]
        dtype = model.unet.dtype
        seen = read_photo(model.unet, torch.cat(inputs, 1).to(dtype), tokens_BLD.to(dtype))
        memory: PhotoMemory = model.reference(seen)
        return memory

    def null_tokens(self) -> torch.Tensor:
        """Tokens [1, L, D] of no photo: a black one, through the same encoders and the adapter as it is now."""
        width, height = self.model.manifest.canvas
        changing = any(each.requires_grad for each in self.model.image_encoder.parameters())
        if changing or self._black is None or self._black.clip_BLD.device != self.model.device:
            # Kept for training, too, which cannot go back through tensors made in inference mode.
            with torch.inference_mode(False):
                self._black = self.features(torch.zeros(1, 3, height, width, device=self.model.device))
        return self.tokens(self._black)

    def keypoint_map(self, keypoints_BNK2: torch.Tensor, confidence_BNK: torch.Tensor) -> torch.Tensor:
        """Limb fields [B, N · C, h, w] of BlazePose-33 windows in canvas px, NaN where unseen.

        Raises:
            ModelError: the model was trained on something else.
        """
        facts = self.model.manifest
        if facts.skeleton != "blazepose-33":
            raise ModelError(
                f"this model takes {facts.skeleton}, not keypoints: give U,V arrays with --set sampler.densepose=FOLDER"
            )
        return pose_map(keypoints_BNK2, confidence_BNK, canvas_size=facts.canvas, latent_size=self.model.latent_size)

    def densepose_map(self, uv_BNCHW: torch.Tensor) -> torch.Tensor:
        """Maps [B, N · 2, h, w] of DensePose windows, in the range the model was trained with.

        Raises:
            ModelError: the model was trained on keypoints, or the arrays hold more than U and V.
        """
        facts = self.model.manifest
        if facts.skeleton != "densepose-uv":
            raise ModelError(f"this model takes {facts.skeleton}, not DensePose arrays: leave out sampler.densepose")
        return densepose_map(uv_BNCHW, latent_size=self.model.latent_size, value_range=facts.ranges.pose)

    @torch.no_grad()
    def warp_channels(
        self, picture_B3HW: torch.Tensor, coverage_BHW: torch.Tensor, *, latents_BChw: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Latents and coverage [B, C + 1, h, w] of the warped photo.

        Args:
            picture_B3HW: the warped person in front of the photo's own background, [0, 1].
            coverage_BHW: opacity of the person.
            latents_BChw: of the picture, where they are known.
        """
        width, height = self.model.latent_size
        coverage = F.interpolate(coverage_BHW[:, None], (height, width), mode="area")
        latents = self.model.codec.encode(picture_B3HW) if latents_BChw is None else latents_BChw
        return torch.cat([latents, coverage], 1)

    def condition(
        self,
        tokens_BLD: torch.Tensor,
        pose_map_BChw: torch.Tensor,
        warp_BChw: torch.Tensor | None,
        photo: PhotoMemory | None = None,
    ) -> Conditioning:
        """Put the conditions of B frames together; a single photo's tokens and memory serve all of them.

        Raises:
            ModelError: channels other than the model's.
        """
        facts = self.model.manifest
        channels = facts.num_poses * facts.pose_channels
        if pose_map_BChw.shape[1] != channels:
            raise ModelError(f"pose maps of {pose_map_BChw.shape[1]} channels, this model takes {channels}")
        if (warp_BChw is not None) != facts.warp:
            raise ModelError("this model takes a warped photo" if facts.warp else "this model takes no warped photo")
        if (photo is not None) != facts.reference:
            raise ModelError("this model looks at the photo" if facts.reference else "this model looks at no photo")
        return Conditioning(
            pose_map_BChw=pose_map_BChw,
            tokens_BLD=tokens_BLD.expand(len(pose_map_BChw), -1, -1),
            null_tokens_1LD=self.null_tokens(),
            warp_BChw=warp_BChw,
            warp_is_start=facts.residual,
            photo=photo,
        )


def predict(
    unet: torch.nn.Module,
    latents_BChw: torch.Tensor,
    timestep: torch.Tensor,
    conditioning: Conditioning,
    *,
    residual: bool = False,
) -> torch.Tensor:
    """What is predicted [B, C, h, w] for noisy latents, in training as in rendering.

    Args:
        unet: the model's own, or a wrapper around it.
        latents_BChw: as the scheduler scales them.
        timestep: one for all, or [B].
        conditioning: of the same B frames.
        residual: the network gives the clean latents' difference to the warped photo's (`Manifest.residual`).
    """
    dtype = next(unet.parameters()).dtype
    inputs = torch.cat([latents_BChw.to(dtype), conditioning.channels_BChw.to(dtype)], 1)
    told: dict[str, Any] = {"encoder_hidden_states": conditioning.tokens_BLD.to(dtype)}
    if conditioning.photo is not None:
        told["cross_attention_kwargs"] = {"photo": conditioning.photo}
    output: torch.Tensor = unet(inputs, timestep, return_dict=False, **told)[0]
    if residual:
        assert conditioning.warp_BChw is not None  # the manifest promises it
        output = output + conditioning.warp_BChw[:, :-1].to(output)
    return output
