"""Files that callers sent, or had written."""
