"""How providers are called where a request and its answer are not one exchange of HTTP."""
