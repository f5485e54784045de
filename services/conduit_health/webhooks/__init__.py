"""Notifications sent to the URLs that administrators name, signed as Standard Webhooks are."""
