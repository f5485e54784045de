"""How others learn of the health of instances."""
