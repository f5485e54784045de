"""The console: what operators see in a browser, made by `make console` from `console/`."""
