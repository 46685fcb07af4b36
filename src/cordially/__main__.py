"""`python -m cordially` is `cordially`."""

from cordially.cli import main

main()
