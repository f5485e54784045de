"""How calls are made: admission, attempts and the end, for each shape of call."""
