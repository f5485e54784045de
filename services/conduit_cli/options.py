"""Options that several commands have."""

from pathlib import Path

import click

from conduit_cli.layout import DATA_DIR

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    envvar="CONDUIT_DATA_DIR",
    default=DATA_DIR,
    show_default=True,
    help="Where keys, databases and spools are kept.",
)
