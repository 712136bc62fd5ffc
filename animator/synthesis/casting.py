"""Chooses a person: body, complexion, hair and clothes, each from identities of one split.

With a wardrobe folder some suits, shoes and hair come from there; without one everything is procedural.

Legend: V body vertices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from animator.synthesis.base_mesh import NUM_BODY_VERTICES
from animator.synthesis.body import Body, build_body
from animator.synthesis.garments import dress
from animator.synthesis.hair import hair_piece, random_hair
from animator.synthesis.mesh import Material, Piece
from animator.synthesis.outfit import random_outfit, random_shoes
from animator.synthesis.phenotype import random_phenotype
from animator.synthesis.skin import Complexion, eye_pieces, random_complexion, skin_piece
from animator.synthesis.splits import SPLITS, draw_identity
from animator.synthesis.wardrobe import asset_piece, hair_texture, is_short, list_assets, load_asset, recolour

_SUIT_SHARE, _SHOES_SHARE, _HAIR_SHARE = 0.3, 0.5, 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cast:
    """Attributes:
    body: the person.
    pieces: skin first, then eyes, hair and clothes.
    skin_index: base-mesh vertex of each skin vertex.
    lift_m: how high the soles lift the feet.
    """

    body: Body
    pieces: list[Piece]
    skin_index: np.ndarray
    lift_m: float


def cast_person(seed: int, *, split: str, wardrobe: Path | None) -> Cast:
    """The person with this seed: a pure function of its arguments and the wardrobe's files."""
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    draws = {kind: np.random.default_rng(draw_identity(rng, kind, split)) for kind in ("body", "garment", "hair")}
    person = random_phenotype(draws["body"])
    body = build_body(person)
    look = random_complexion(draws["body"], ancestry=person.ancestry, masculinity=person.masculinity, age=person.age)
    worn, bare, lift = _clothes(body, draws["garment"], split, wardrobe)
    skin, index = skin_piece(body, bare, look)
    hair = _hair(body, look, draws["hair"], split, wardrobe)
    return Cast(body=body, pieces=[skin, eye_pieces(body, look), hair, *worn], skin_index=index, lift_m=lift)


def _clothes(
    body: Body, rng: np.random.Generator, split: str, wardrobe: Path | None
) -> tuple[list[Piece], np.ndarray, float]:
    """Pieces, uncovered body vertices [V], and the lift of the soles."""
    outfit = random_outfit(rng, masculinity=body.person.masculinity)
    if wardrobe is None:
        worn, bare = dress(body, outfit)
        return worn, bare, max(garment.sole_m for garment in outfit)
    extra: list[Piece] = []
    hidden = np.zeros(NUM_BODY_VERTICES, bool)
    sex = "male_" if body.person.masculinity > 0.5 else "female_"
    suits = [name for name in list_assets(wardrobe, "suit", split) if name.startswith(sex)]
    if suits and rng.random() < _SUIT_SHARE:
        asset = load_asset(wardrobe, "suit", str(rng.choice(suits)))
        cloth = Material(fuzz=0.15, gloss=0.01, two_sided=True)
        extra.append(asset_piece(asset, body, part="top", texture_HW4=recolour(asset, rng), material=cloth))
        hidden |= asset.hidden
        outfit = [random_shoes(rng)]
    lift = max(garment.sole_m for garment in outfit)
    shoes = list_assets(wardrobe, "shoes", split)
    if shoes and rng.random() < _SHOES_SHARE:
        asset = load_asset(wardrobe, "shoes", str(rng.choice(shoes)))
        leather = Material(gloss=0.06, sharpness=18, two_sided=True)
        extra.append(asset_piece(asset, body, part="shoes", texture_HW4=recolour(asset, rng), material=leather))
        hidden |= asset.hidden
        outfit = [garment for garment in outfit if garment.part != "shoes"]
        soles = body.vertices_V3[:NUM_BODY_VERTICES, 1].min()
        lift = float(max(soles - extra[-1].vertices_V3[:, 1].min(), 0.0))
    worn, bare = dress(body, outfit)
    return [*worn, *extra], bare & ~hidden, lift


def _hair(body: Body, look: Complexion, rng: np.random.Generator, split: str, wardrobe: Path | None) -> Piece:
    style = random_hair(
        rng, colour=look.hair, masculinity=body.person.masculinity, ancestry_curl=body.person.ancestry[0]
    )
    if wardrobe is None or rng.random() > _HAIR_SHARE:
        return hair_piece(body, style)
    short = body.person.masculinity > 0.5
    assets = [load_asset(wardrobe, "hair", name) for name in list_assets(wardrobe, "hair", split)]
    # Cards need their alpha: hair without a texture would be a helmet.
    fitting = [asset for asset in assets if asset.texture_HW4 is not None and (not short or is_short(asset.name))]
    if not fitting:
        return hair_piece(body, style)
    asset = fitting[int(rng.integers(len(fitting)))]
    strands = Material(gloss=0.04, sharpness=10, fuzz=0.2, cutout=True, two_sided=True)
    return asset_piece(asset, body, part="hair", texture_HW4=hair_texture(asset, look.hair), material=strands)
