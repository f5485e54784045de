"""AWS's dialects of speech: https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html."""
