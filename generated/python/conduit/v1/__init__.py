"""Generated from protos/conduit/v1 by `make generate`; do not edit."""
