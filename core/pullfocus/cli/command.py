# SPDX-License-Identifier: Apache-2.0
"""The command line: one sub-command a verb, thin over the functions that do the work.

Exit codes: 0 done, 2 bad input (one line on stderr), 130 / 143 stopped by SIGINT / SIGTERM with
what was done saved. Everything heavy is imported inside the commands, so that help is instant.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import typer

from pullfocus import __version__
from pullfocus.cli.verbs import Verbs
from pullfocus.errors import PullfocusError
from pullfocus.progress import JsonProgress, OpenJdProgress, make_progress

if TYPE_CHECKING:
    from types import FrameType


__all__ = ["app", "main", "run"]

# Typer's parse errors ("no such option"); its public child is the handle on the base.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_EXIT_BAD_INPUT = 2
_VERSION = f"pullfocus {__version__}"
# "--rate=" is an option that was not given: job templates of a farm know no "if".
_NOTHING = re.compile(r"--[a-z][a-z-]*=")
# ~ where no shell looks for it: quoted, in --out=~/x and in fg=~/x.
_HOME = re.compile(r"((?:--[a-z-]+=)?(?:[a-z][a-z0-9_]*=)?)(~[^/=]*/.*|~)")
# What the user's disk or permissions cause: worth a line, not a traceback.
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}

app = typer.Typer(
    name="pullfocus",
    cls=Verbs,
    help="Repair misfocused footage: from a plate and a rough matte to a sharp, layered shot.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(_VERSION)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with its code."""
    code = run(sys.argv[1:])
    if "torch.distributed" in sys.modules:
        from pullfocus.solve.parallel import leave, world_size

        if world_size() > 1:
            leave(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; an option with an empty value, ``--rate=``, counts as not given.

    Returns:
        The exit code.

    Raises:
        Exception: whatever is a fault of pullfocus and not of its input, for its traceback.
    """
    arguments = [_at_home(one) for one in arguments if not _NOTHING.fullmatch(one)]
    report = _asked_report(arguments)
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        if arguments == ["--version"]:  # at once: to read any option typer imports half of Python
            typer.echo(_VERSION)
            return 0
        return int(app(args=arguments, standalone_mode=False) or 0)
    except PullfocusError as error:
        return _fail("; ".join([str(error), *_told(error)]), report)
    except _UsageError as error:
        return _fail(_usage(error), report)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            raise
        line = f"{error.strerror}: {error.filename or 'while writing'}"
        return _fail("; ".join([line, *_told(error)]), report)
    except (KeyboardInterrupt, typer.Abort) as stopped:
        return _stopped(stopped, signal.SIGINT, report)
    except _Terminated as stopped:
        return _stopped(stopped, signal.SIGTERM, report)
    except Exception as error:
        # a program that reads stdout must learn of it too
        if report == "json":
            JsonProgress().event("error", text=f"{type(error).__name__}: {error}", internal=True)
        elif report == "openjd":
            OpenJdProgress().error(f"{type(error).__name__}: {error}")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """SIGTERM in a verb that has no state to save; unwinds, so that temporary files go."""


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    raise _Terminated


def _fail(text: str, report: str) -> int:
    make_progress(report).error(" ".join(text.split()))
    return _EXIT_BAD_INPUT


def _stopped(error: BaseException, signum: signal.Signals, report: str) -> int:
    """Say what a verb had done when it was stopped; the exit code."""
    reporter = make_progress(report)
    for line in _told(error):
        reporter.note(f"stopped by {signum.name}: {line}")
    return 128 + signum


def _told(error: BaseException) -> list[str]:
    """What was noted on an error on its way out; typer may have put its own around it."""
    cause = error.__cause__
    return [*getattr(error, "__notes__", ()), *(getattr(cause, "__notes__", ()) if cause else ())]


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "pullfocus"
    message = error.format_message()  # type: ignore[attr-defined]
    return f"{message.rstrip('.')} (see: {command} --help)"


def _at_home(argument: str) -> str:
    found = _HOME.fullmatch(argument)
    return argument if found is None else found[1] + os.path.expanduser(found[2])  # noqa: PTH111


def _asked_report(arguments: list[str]) -> str:
    """Which program reads stdout, even where the arguments cannot be parsed; else "plain"."""
    for mode in ("json", "openjd"):
        if f"--progress={mode}" in arguments or ("--progress", mode) in pairwise(arguments):
            return mode
    return "plain"
