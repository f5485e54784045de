"""The Health service: who is well."""
