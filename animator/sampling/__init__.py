"""Sampling: guidance, noise and the denoising loop. Knows no models, photos or poses."""
