"""`python -m vmas_pipeline.command`."""

from vmas_pipeline.command.main import main

main()
