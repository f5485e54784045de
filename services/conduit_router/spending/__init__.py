"""What calls of keys with hard budgets may cost: it is reserved before, and settled after."""
