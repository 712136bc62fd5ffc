"""`python -m animator`."""

import sys

from animator.cli import main

if __name__ == "__main__":
    sys.exit(main())
