"""Runs a module without looking for garbage: `python -m conduit_cli.launch conduit_cli.worker`."""

import gc
import runpy
import sys


def main() -> None:
    """Run the module that the first argument names, with the arguments after it."""
    # Nothing of what imports and a start make is garbage; looking for it takes a tenth of the time.
    gc.disable()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
