"""How instances and keys are, from what attempts at them showed."""
