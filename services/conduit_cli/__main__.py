"""The command `conduit`."""

from conduit_cli.commands import conduit


def main() -> None:
    """Run the command line."""
    conduit(prog_name="conduit")


if __name__ == "__main__":
    main()
