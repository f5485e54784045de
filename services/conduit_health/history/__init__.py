"""How instances were."""
