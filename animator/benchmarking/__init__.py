"""What a machine does in a second: for `animator bench`, and for the scripts in `benchmarks`."""
