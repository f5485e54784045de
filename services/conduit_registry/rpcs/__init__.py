"""The Registry's RPCs, by what they are about."""
