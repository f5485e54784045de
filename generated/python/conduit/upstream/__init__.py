"""Generated from protos/conduit/upstream by `make generate`; do not edit."""
