"""Servers of the Model Context Protocol, for callers who may use their tools."""
