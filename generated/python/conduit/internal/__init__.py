"""Generated from protos/conduit/internal by `make generate`; do not edit."""
