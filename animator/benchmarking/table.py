"""A bench report in words and in JSON's own types."""

from __future__ import annotations

from typing import Any

from animator.benchmarking.stages import BenchReport, peaks


def lines(report: BenchReport) -> list[str]:
    """The report as a table for a person."""
    width, height = report.canvas_size
    total = sum(stage.seconds for stage in report.stages if stage.per_frame)
    told = [f"{width}x{height} px, {report.num_frames} frames, networks on {report.device}; each stage alone:"]
    for stage in report.stages:
        if stage.per_frame:
            told.append(f"  {stage.name:<32} {1000 * stage.seconds:9.1f} ms per frame  {stage.seconds / total:5.0%}")
    told += [
        f"  {stage.name:<32} {1000 * stage.seconds:9.1f} ms once" for stage in report.stages if not stage.per_frame
    ]
    told.append("as animate uses them, without encoding:")
    told += [f"  {name:<32} {pace:9.2f} frames/s" for name, pace in report.frames_per_s.items()]
    roof = report.roof
    told.append(f"roof: {roof.flops_per_s / 1e9:.0f} GFLOP/s in a matrix product, {roof.bytes_per_s / 1e9:.1f} GB/s")
    told += [
        f"  {load.name:<32} {load.flops_per_s / 1e9:9.0f} GFLOP/s       {share:5.0%} of the product's"
        for load, share in peaks(report)
    ]
    return told


def as_dict(report: BenchReport) -> dict[str, Any]:
    """The report in JSON's own types."""
    return {
        "device": report.device,
        "canvas_size": list(report.canvas_size),
        "num_frames": report.num_frames,
        "stages": [
            {"name": stage.name, "seconds": stage.seconds, "per_frame": stage.per_frame} for stage in report.stages
        ],
        "frames_per_s": report.frames_per_s,
        "roof": {"flops_per_s": report.roof.flops_per_s, "bytes_per_s": report.roof.bytes_per_s},
        "loads": [
            {"name": load.name, "flops": load.flops, "moved_bytes": load.moved_bytes, "seconds": load.seconds}
            for load in report.loads
        ],
    }
