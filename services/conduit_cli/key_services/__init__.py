"""Encryption keys that a service outside keeps wrapped: it alone can open them.

What is configured is then no key but a reference: the service, and the key as that has wrapped
it. It is opened when a command starts, and its processes are given the key itself, in their
environment: so none of them asks the service again, and all of them go on, and begin anew, while
it is away.
"""
