"""Requests that go to providers in the providers' own words."""
