"""Tests with peers that misbehave."""
