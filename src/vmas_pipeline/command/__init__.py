"""The `vmas` command. Each subcommand imports the heavy libraries that it needs, which keeps `--help` fast.

Kedro would treat a module named `cli` as its own, hence this room's name.
"""
