"""The ``headroom`` command and its edge: every error ends here, as one line and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

import click

import headroom
from headroom.errors import HeadroomError

__all__ = ["cli", "main", "run_command"]

INTERRUPTED = 130  # 128 + SIGINT, as shells count

# Name -> module and attribute, loaded when the command is asked for: `headroom --help` stays quick.
COMMANDS = {
    "convert": ("headroom.cli.convert", "Give clipped pictures their linear light back, as EXR, .hdr or TIFF."),
    "merge": ("headroom.cli.merge", "Merge a bracket of exposures into one linear picture, without ghosts."),
    "ibl": ("headroom.cli.ibl", "Turn a panorama into an environment map that lights as the place did."),
    "inspect": ("headroom.cli.inspect", "Say what is in a picture: range, clipped share, spaces, header."),
    "report": ("headroom.cli.report_page", "Make a page that shows what a reconstruction did: plate, result, numbers."),
    "models": ("headroom.cli.models", "List, show, verify and export the installed models."),
    "evaluate": ("headroom.cli.evaluate", "Measure a model against baselines on a folder of HDR images."),
    "worker": ("headroom.cli.worker", "Serve a host program over standard input and output."),
    "bench": ("headroom.cli.bench", "Measure speed and memory on this machine."),
    "train": ("headroom.cli.train", "Train a network by a recipe."),
    "farm": ("headroom.cli.farm", "Write a conversion as a job bundle for a render farm."),
    "farm-session": ("headroom.cli.farm_session", "Keep a model loaded between a farm's tasks; bundles call this."),
}


class _Commands(click.Group):
    """Sub-commands that are imported on use; their help lines are known without that."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(headroom.__version__, prog_name="headroom")
def cli() -> None:
    """Linear light for clipped photographs, plates and panoramas.

    \b
    headroom convert plate.jpg -o plate.exr
    headroom convert plates/ -o linear/ --to ACEScg --mask

    Exit codes: 0 done, 1 something failed (it is named), 2 wrong usage, 130 cancelled.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits."""
    if arguments is not None:
        sys.exit(run_command(arguments))
    exit_code = run_command(sys.argv[1:])
    # Only Python's own farewell is left: a late Ctrl-C must not end it in a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(exit_code)


def run_command(arguments: list[str], keeper: Any = None) -> int:
    """Runs one command line; the exit code. ``keeper``: holds a model between the command lines of one process."""
    as_json = "--json" in arguments
    try:
        result: Any = cli.main(arguments, prog_name="headroom", standalone_mode=False, obj=keeper)
        sys.stdout.flush()
    except HeadroomError as error:
        return _say(str(error), error.exit_code, as_json)
    except click.ClickException as error:
        return _say(_usage_line(error), error.exit_code, as_json)
    except (KeyboardInterrupt, click.Abort):
        return _say("cancelled", INTERRUPTED, as_json)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing more can be said, and Python must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _say("not enough memory; give a smaller --memory or free some", 1, as_json)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", 1, as_json)
    return result if isinstance(result, int) else 0


def _usage_line(error: click.ClickException) -> str:
    message = error.format_message().replace("\n", " ")
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "headroom"
    return f"{message} (see {command} --help)" if error.exit_code == 2 else message


def _say(message: str, exit_code: int, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"error": message, "exit_code": exit_code}))
    click.echo(f"headroom: {message}", err=True)
    return exit_code
