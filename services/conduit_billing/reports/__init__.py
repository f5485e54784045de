"""Reports made of the ledger's sums."""
