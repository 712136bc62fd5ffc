"""What rendered people do: read from files or made up, on the joints of `animator.synthesis.rig`."""
