"""What administrators should know, and who is told."""
