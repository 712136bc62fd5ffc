"""A bench report as a picture: where the time of a frame goes, and how close to the roof the networks come."""

from __future__ import annotations

from pathlib import Path

from animator.benchmarking.stages import BenchReport


def draw_report(report: BenchReport, path: Path) -> Path:
    """Write the chart as PNG: stages as bars in ms per frame, networks under their roofline."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    bars, roofline = figure.subplots(1, 2)
    stages = [stage for stage in report.stages if stage.per_frame]
    drawn = bars.barh([stage.name for stage in stages], [1000 * stage.seconds for stage in stages], color="#4472a8")
    bars.bar_label(drawn, fmt="%.1f", padding=3)
    bars.invert_yaxis()
    bars.margins(x=0.12)
    bars.set_xlabel("ms per frame, each stage alone")
    width, height = report.canvas_size
    bars.set_title(f"{width}x{height} px on {report.device}")

    roof = report.roof
    ridge = roof.flops_per_s / roof.bytes_per_s
    intensities = [load.intensity for load in report.loads]
    lowest, highest = min([ridge, *intensities]) / 4, max([ridge, *intensities]) * 4
    corners = [lowest, ridge, highest]
    roofline.plot(corners, [roof.at(each) / 1e9 for each in corners], color="black", label="measured roof")
    for load in report.loads:
        share = load.flops_per_s / roof.at(load.intensity)
        roofline.plot(load.intensity, load.flops_per_s / 1e9, "o", label=f"{load.name}: {share:.0%} of the roof")
    roofline.set_xscale("log")
    roofline.set_yscale("log")
    roofline.set_xlabel("FLOP per byte moved")
    roofline.set_ylabel("GFLOP/s")
    roofline.grid(alpha=0.3)
    roofline.legend(loc="lower right")
    figure.savefig(path, dpi=110, format="png")
    return path
