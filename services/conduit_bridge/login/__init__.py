"""Logins of administrators by OpenID Connect: the provider, the way there and back, the cookies."""
