"""The lines of the audit log on their way from where something was done to the Registry."""
