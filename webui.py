"""The door: read the settings, serve the page and the API."""

import os
import sys
from argparse import ArgumentParser

from pipeline import ClearcutError, __version__, add_arguments, chosen, explain, machine_language, say
from server.settings import ServerSettings


def main() -> int:
    """Serve until stopped. A flag is the same as its variable ``CLEARCUT_<FLAG>``, for this run."""
    parser = ArgumentParser(prog="webui.py", description=say("web.description"))
    parser.add_argument("--version", action="version", version=f"Clearcut {__version__}")
    add_arguments(parser, ServerSettings, "setting")
    for name, value in chosen(parser.parse_args(), ServerSettings).items():
        os.environ[f"CLEARCUT_{name.upper()}"] = str(value)
    try:
        from server.serve import serve

        serve(ServerSettings.current())
    except ClearcutError as error:
        print(explain(error, machine_language()), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
