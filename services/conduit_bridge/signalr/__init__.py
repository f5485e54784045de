"""The SignalR hub of notifications: negotiation, transports, the JSON hub protocol.

See https://github.com/dotnet/aspnetcore/tree/main/src/SignalR/docs/specs.
"""
