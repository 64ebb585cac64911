"""`python -m multigraft`."""

from multigraft.core.cli import main

main()
