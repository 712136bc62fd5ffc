"""diffusers' schedulers by name, set up for the noise schedule that a model was trained with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from animator.sampling.config import SchedulerName


# What belongs to the training and therefore to the model; how to step through it is the sampler's choice.
NOISE_SCHEDULE_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


def open_scheduler(name: SchedulerName, noise_schedule: Mapping[str, Any]) -> Any:
    """A fresh scheduler.

    Steps are spaced "trailing", so that the first one meets pure noise however few there are (Lin et al. 2024,
    section 3.3).

    Args:
        name: DDIM (Song et al. 2021), DPM-Solver++ 2M (Lu et al. 2022), UniPC (Zhao et al. 2023), Euler (Karras et
            al. 2022), LCM (Luo et al. 2023) or TCD (Zheng et al. 2024, deterministic: eta 0).
        noise_schedule: the model's values for `NOISE_SCHEDULE_KEYS`; others are ignored.

    Raises:
        ValueError: unknown name.
    """
    import diffusers

    choices: dict[str, tuple[Any, dict[str, Any]]] = {
        "ddim": (diffusers.DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": True}),
        "dpm++": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
        "unipc": (diffusers.UniPCMultistepScheduler, {}),
        "euler": (diffusers.EulerDiscreteScheduler, {}),
        "lcm": (diffusers.LCMScheduler, {"clip_sample": False}),
        "tcd": (diffusers.TCDScheduler, {"clip_sample": False}),
    }
    if name not in choices:
        raise ValueError(f"scheduler {name!r} is unknown; there is {', '.join(choices)}")
    kind, settings = choices[name]
    accepted = inspect.signature(kind.__init__).parameters
    given = {key: noise_schedule[key] for key in NOISE_SCHEDULE_KEYS if key in noise_schedule and key in accepted}
    if name not in {"lcm", "tcd"}:  # these two learned fixed steps of their own
        settings["timestep_spacing"] = "trailing"
    return kind.from_config({**given, **settings})
