"""What a router exchanges with the control plane beside its calls; each is a loop of its own."""
