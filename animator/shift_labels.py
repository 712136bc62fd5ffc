"""Along which shift each pixel of a hole is filled: shifts at which pictures repeat, and the cheapest labelling.

Of `shift_map.py`, which tells the method.

Legend: H W pixels, N pixels of the hole, S shifts, E pairs of neighbours in the hole.
"""

from __future__ import annotations

import numpy as np

PATCH, _COMPONENTS, _NEIGHBOURS = 7, 10, 12
_NUM_SHIFTS = 40
# Matches nearer than this share of the longer side show one thing, not a second one.
_NEAREST = 1 / 12
# Level shifts that are tried beside: where nothing repeats, what stands at the same height is still the likeliest.
_LEVEL = np.arange(1, 8) / 8
# Cost of a shift by the whole side, along the horizon and across it: what a camera sees at one height lies about as far
# away and in the same light, so that it has the same size and shade.
_ALONG, _ACROSS = 0.6, 1.5
# Known pixels within this way (px) are to agree with what a shift brings there.
_RING = 2
# Cost of a shift that leads into the hole or out of the picture.
_NOWHERE = 500.0
_SWEEPS = 2
# Flows are counted in whole numbers, of at most so many.
_UNITS, _MOST = 1000, 2**28


def find_shifts(picture_HW3: np.ndarray, hole_HW: np.ndarray) -> np.ndarray:
    """int [S, 2]: the shifts (rows, columns) at which the known part most often repeats itself, and some level ones."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    height, width = hole_HW.shape
    level = np.round(_LEVEL * width).astype(int)
    found = np.stack([np.zeros(2 * len(level), int), np.concatenate([level, -level])], -1)
    ways_N2 = _matches(picture_HW3, hole_HW)
    votes = np.zeros((2 * height + 1, 2 * width + 1))
    np.add.at(votes, (ways_N2[:, 0] + height, ways_N2[:, 1] + width), 1.0)
    # What is like something to its left is like something to its right.
    votes = gaussian_filter(votes + votes[::-1, ::-1], 1.4)
    peaks = np.argwhere((votes == maximum_filter(votes, 5)) & (votes > 1e-3))
    order = np.argsort(-votes[peaks[:, 0], peaks[:, 1]], kind="stable")[:_NUM_SHIFTS]
    return np.unique(np.concatenate([found, peaks[order] - (height, width)]), axis=0)


def _matches(picture_HW3: np.ndarray, hole_HW: np.ndarray) -> np.ndarray:
    """int [N, 2]: the way from each whole patch to one that is like it and not beside it."""
    from scipy.ndimage import binary_erosion
    from scipy.spatial import cKDTree

    half = PATCH // 2
    here_N2 = np.argwhere(binary_erosion(~hole_HW, np.ones((PATCH, PATCH), bool)))
    if len(here_N2) <= _NEIGHBOURS:
        return np.zeros((0, 2), int)
    windows = np.lib.stride_tricks.sliding_window_view(picture_HW3, (PATCH, PATCH, 3))
    patches = windows[here_N2[:, 0] - half, here_N2[:, 1] - half].reshape(len(here_N2), -1)
    patches = patches - patches.mean(0)
    _, components = np.linalg.eigh(patches.T @ patches)
    features = patches @ components[:, -_COMPONENTS:]
    _, like = cKDTree(features).query(features, k=_NEIGHBOURS, eps=1.0)
    ways = here_N2[like] - here_N2[:, None]
    far = np.hypot(ways[..., 0], ways[..., 1]) > _NEAREST * max(hole_HW.shape)
    return ways[np.arange(len(ways)), far.argmax(1)][far.any(1)]


def label_hole(
    smooth_HW3: np.ndarray,
    hole_HW: np.ndarray,
    shifts_S2: np.ndarray,
    unusable_HW: np.ndarray,
    *,
    unlikely: float,
) -> np.ndarray:
    """int [N]: along which shift each pixel of the hole is filled; -1 where none leads to a usable one.

    Args:
        smooth_HW3: the picture, in the hole its smooth filling.
        hole_HW: bool.
        shifts_S2: as `find_shifts` gives them.
        unusable_HW: bool, what nothing is copied from.
        unlikely: cost of a colour's distance from the smooth filling.
    """
    here_N2 = np.argwhere(hole_HW)
    source_SN2 = (here_N2[None] + shifts_S2[:, None]).clip(0, np.array(hole_HW.shape) - 1)
    colors_SN3 = smooth_HW3[source_SN2[..., 0], source_SN2[..., 1]]
    cost_SN = _costs(smooth_HW3, hole_HW, shifts_S2, unusable_HW)
    cost_SN += unlikely * np.linalg.norm(colors_SN3 - smooth_HW3[hole_HW], axis=-1)
    pairs_2E = _neighbours(hole_HW)
    label_N = cost_SN.argmin(0)
    for _ in range(_SWEEPS):
        before = label_N
        for alpha in range(len(shifts_S2)):
            label_N = _expand(alpha, label_N, cost_SN, colors_SN3, pairs_2E)
        if np.array_equal(before, label_N):
            break
    return np.where(cost_SN[label_N, np.arange(len(label_N))] < _NOWHERE, label_N, -1)


def _costs(smooth_HW3: np.ndarray, hole_HW: np.ndarray, shifts_S2: np.ndarray, unusable_HW: np.ndarray) -> np.ndarray:
    """[S, N]: how far each shift goes, and how badly it agrees with what is known beside the hole."""
    from scipy.ndimage import uniform_filter

    size = np.array(hole_HW.shape)
    here = np.moveaxis(np.indices(hole_HW.shape), 0, -1)
    # About as many known pixels as a straight border has are summed up, whatever the ring's width.
    across = 2 * _RING + 1
    cost_SN = np.empty((len(shifts_S2), int(hole_HW.sum())))
    for number, shift in enumerate(shifts_S2):
        source = here + shift
        inside = ((source >= 0) & (source < size)).all(-1)
        y, x = np.moveaxis(source.clip(0, size - 1), -1, 0)
        usable = inside & ~unusable_HW[y, x]
        off = np.where(usable & ~unusable_HW, np.linalg.norm(smooth_HW3 - smooth_HW3[y, x], axis=-1), 0)
        cost = np.where(usable, across * uniform_filter(off, across), _NOWHERE)
        rise, way = shift / size.max()
        cost_SN[number] = cost[hole_HW] + _ALONG * way**2 + _ACROSS * rise**2
    return cost_SN


def _neighbours(hole_HW: np.ndarray) -> np.ndarray:
    """int [2, E]: pixels of the hole that lie beside or below each other, by their numbers."""
    number_HW = number_pixels(hole_HW)
    pairs = []
    for one, other in ((number_HW[1:], number_HW[:-1]), (number_HW[:, 1:], number_HW[:, :-1])):
        both = (one >= 0) & (other >= 0)
        pairs.append(np.stack([one[both], other[both]]))
    return np.concatenate(pairs, axis=1)


def number_pixels(hole_HW: np.ndarray) -> np.ndarray:
    """int [H, W]: the hole's pixels in reading order, -1 outside."""
    return np.where(hole_HW, np.cumsum(hole_HW).reshape(hole_HW.shape) - 1, -1)


def _expand(
    alpha: int, label_N: np.ndarray, cost_SN: np.ndarray, colors_SN3: np.ndarray, pairs_2E: np.ndarray
) -> np.ndarray:
    """The labels after all those have become alpha by which the whole becomes cheapest: the least cut of a graph."""
    p, q = pairs_2E

    def seam(one: np.ndarray | int, other: np.ndarray | int) -> np.ndarray:
        """How much two labels differ on both sides of a border between them: a metric, as expansion asks for."""
        return sum(np.linalg.norm(colors_SN3[one, pixel] - colors_SN3[other, pixel], axis=-1) for pixel in (p, q))

    neither, q_alone, p_alone = (
        seam(label_N[p], label_N[q]),
        seam(label_N[p], alpha),
        seam(alpha, label_N[q]),
    )
    keep, take = cost_SN[label_N, np.arange(len(label_N))].copy(), cost_SN[alpha].copy()
    # Seams as costs of single pixels, and of pairs of which q alone takes alpha (Kolmogorov and Zabih 2004, section 4).
    np.add.at(take, p, p_alone - neither)
    np.add.at(take, q, -p_alone)
    least = np.minimum(keep, take)
    keeps = _source_side(take - least, keep - least, (p, q, (p_alone + q_alone - neither).clip(0)))
    return np.where(keeps, label_N, alpha)


def _source_side(
    from_source_N: np.ndarray, to_sink_N: np.ndarray, links: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Bool [N]: which nodes the least cut leaves with the source. Links are from, to and capacity."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    count = len(from_source_N)
    node, source, sink = np.arange(count), np.full(count, count), np.full(count, count + 1)
    row, column = np.concatenate([source, node, links[0]]), np.concatenate([node, sink, links[1]])
    capacity = np.concatenate([from_source_N, to_sink_N, links[2]]) * _UNITS
    capacity = np.round(capacity.clip(0, _MOST)).astype(np.int32)
    some = capacity > 0
    graph = csr_array((capacity[some], (row[some], column[some])), shape=(count + 2, count + 2))
    left = graph - maximum_flow(graph, count, count + 1).flow
    left.data = (left.data > 0).astype(np.int32)
    left.eliminate_zeros()
    is_left = np.zeros(count + 2, bool)
    is_left[breadth_first_order(left, count, return_predecessors=False)] = True
    return is_left[:count]
