"""The documentation: pages for people, made by `make docs` of `docs/` and of the code."""
