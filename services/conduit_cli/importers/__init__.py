"""Configurations of other gateways as files of Conduit's; each says what it could not take over."""
