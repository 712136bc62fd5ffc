"""Render jobs that survive: a job is a folder, and whatever stops it, it goes on from what lies there."""
