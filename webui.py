"""The door: read the settings, serve the page and the API."""

import os
import sys
from argparse import ArgumentParser

from pipeline import ClearcutError, __version__, add_flags, detect_language, explain, given_values, say
from server.settings import ServerSettings


def main() -> int:
    """Serve until stopped. A flag is the same as its variable ``CLEARCUT_<FLAG>``, for this run."""
    parser = ArgumentParser(prog="webui.py", description=say("web.description"))
    parser.add_argument("--version", action="version", version=f"Clearcut {__version__}")
    add_flags(parser, ServerSettings, "setting")
    for name, value in given_values(parser.parse_args(), ServerSettings).items():
        os.environ[f"CLEARCUT_{name.upper()}"] = str(value)
    try:
        from server.serve import serve

        serve(ServerSettings.current())
    except ClearcutError as error:
        print(explain(error, detect_language()), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
