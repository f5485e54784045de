"""What calls cost: prices, charges and the spool that keeps them."""
