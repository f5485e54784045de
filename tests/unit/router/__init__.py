"""Tests of the router's pure parts."""
