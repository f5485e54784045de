"""What every service stands on: errors, configuration, HTTP, gRPC, secrets."""
