"""Google Cloud's dialects of speech: https://docs.cloud.google.com/text-to-speech/docs/reference/rest."""
