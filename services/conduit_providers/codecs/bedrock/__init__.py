"""Amazon Bedrock: Converse, and InvokeModel for embeddings."""
