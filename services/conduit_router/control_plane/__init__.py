"""What a router exchanges with the control plane beside its calls."""
