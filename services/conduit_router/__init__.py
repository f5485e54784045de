"""The Router service: does the calls."""
