"""Generated from protos/conduit/upstream/v1 by `make generate`; do not edit."""
