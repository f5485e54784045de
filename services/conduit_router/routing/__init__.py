"""Where a request goes: the compiled configuration and the pure decision."""
