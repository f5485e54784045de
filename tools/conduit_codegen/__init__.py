"""Turns the protobuf contract into JSON converters, HTTP routes, tables and an OpenAPI document."""
