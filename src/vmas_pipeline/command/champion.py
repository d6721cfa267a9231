"""`vmas champion`: which version of the model is the champion, and another one in its place."""

import argparse
from typing import Any

DESCRIPTION = """\
Show the registered versions of the model, make one of them the champion, or go back to the one before.

  vmas champion               all versions, with their gates and aliases
  vmas champion 3             make version 3 the champion
  vmas champion challenger    make the version with this alias the champion
  vmas champion --back        the version that was the champion before; again: forward

Servers (`vmas serve`) follow within seconds, between two jobs.
"""


def add(commands: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "champion", help="show, choose or roll back the champion", description=DESCRIPTION
    )
    parser.set_defaults(run=_champion)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("version", nargs="?", metavar="VERSION", help="a number or an alias")
    which.add_argument("--back", action="store_true", help="go back to the champion before")
    parser.add_argument("--name", default="vmas", help="of the registered model (default: %(default)s)")
    parser.add_argument("--alias", default="champion", help="that is moved (default: %(default)s)")


def _champion(options: argparse.Namespace) -> None:
    from vmas_pipeline.registry import alias_before, move_alias, versions

    name, alias = options.name, options.alias
    known = versions(name)
    if options.back:
        chosen = alias_before(name, alias)
        if chosen is None:
            raise ValueError(f"{name} has had one {alias} only: choose a version, `vmas champion VERSION`")
    elif options.version is None:
        for each in known:
            about = ", ".join([*each.aliases, *([f"gate {each.gate}"] if each.gate else [])])
            failed = f": {each.failed}" if each.failed else ""
            print(f"{name}/{each.number}  {each.registered:%Y-%m-%d %H:%M}  {about}{failed}")
        return
    else:
        wanted = options.version
        found = [each.number for each in known if wanted in (str(each.number), *each.aliases)]
        if not found:
            listed = ", ".join(str(each.number) for each in known)
            raise ValueError(f"{wanted} is no version and no alias of {name}: there are {listed}")
        chosen = found[0]
    move_alias(name, alias, chosen)
    print(f"models:/{name}@{alias} is version {chosen}")
