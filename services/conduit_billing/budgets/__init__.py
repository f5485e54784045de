"""What may be spent: budgets, their periods, and the leases that routers spend them by."""
