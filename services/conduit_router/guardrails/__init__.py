"""Guardrails: what looks at the texts of requests and answers, and blocks, redacts or reports."""
