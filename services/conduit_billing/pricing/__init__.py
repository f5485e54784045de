"""What models cost: operators' rules and the shipped catalog."""
