"""Generated from protos/conduit by `make generate`; do not edit."""
