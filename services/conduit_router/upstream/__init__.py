"""How attempts reach providers, and what they show of them."""
