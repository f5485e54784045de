"""What Conduit knows of AI providers: the catalog, the dialects, the ways to sign."""
