"""Generated from protos/conduit/internal/v1 by `make generate`; do not edit."""
