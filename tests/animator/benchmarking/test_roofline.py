"""FLOP, bytes and roofs, held against layers whose cost is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from animator.benchmarking.roofline import Load, Roof, Traffic, measure_load, measure_roof

CPU = torch.device("cpu")


def test_below_the_ridge_the_bandwidth_is_the_roof_and_above_it_the_peak() -> None:
    roof = Roof(flops_per_s=100.0, bytes_per_s=10.0)
    assert roof.at(2.0) == 20.0
    assert roof.at(10.0) == 100.0
    assert roof.at(1000.0) == 100.0


def test_a_linear_layer_costs_two_flop_a_weight_and_row() -> None:
    layer, given = nn.Linear(64, 32, bias=False), torch.zeros(8, 64)
    load = measure_load("layer", layer, lambda: layer(given), CPU)
    assert load.flops == 2 * 8 * 64 * 32
    assert load.moved_bytes == 4 * (8 * 64 + 8 * 32 + 64 * 32)
    assert load.seconds > 0
    assert load.flops_per_s == pytest.approx(load.flops / load.seconds)


def test_layers_inside_layers_are_counted_once_and_only_within_the_block() -> None:
    net, given = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4))), torch.zeros(1, 4)
    with Traffic(net) as traffic:
        net(given)
    one_layer = 4 * (4 + 4 + 16 + 4)
    assert traffic.moved_bytes == 2 * one_layer
    net(given)
    assert traffic.moved_bytes == 2 * one_layer


def test_the_measured_roof_lies_above_what_a_small_product_reaches() -> None:
    roof = measure_roof(CPU, torch.float32, side=256)
    tiny = nn.Linear(2, 2)
    load = measure_load("tiny", tiny, lambda: tiny(torch.zeros(1, 2)), CPU)
    assert load.flops_per_s < roof.flops_per_s
    assert roof.bytes_per_s > 1e8


def test_intensity_is_flop_per_byte() -> None:
    assert Load(name="x", flops=30.0, moved_bytes=10.0, seconds=1.0).intensity == 3.0
