#!/bin/sh
# The requests of the provider integration guide, in its order and as written there.

# Create OpenAI production instance
curl -X POST "https://admin.conduit.ai/api/providers" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "OpenAI Production",
    "providerType": "OpenAI",
    "isEnabled": true,
    "description": "Primary OpenAI instance for production workloads"
  }'

# Add API key to provider instance
curl -X POST "https://admin.conduit.ai/api/providers/1/keys" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "apiKey": "sk-your-openai-key-here",
    "providerAccountGroup": "production-account",
    "isEnabled": true
  }'

# Map GPT-4 to specific OpenAI instance
curl -X POST "https://admin.conduit.ai/api/model-provider-mappings" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "modelAlias": "gpt-4",
    "providerId": 1,
    "actualModelName": "gpt-4-0125-preview",
    "isEnabled": true
  }'

# Enable model discovery for provider
curl -X PUT "https://admin.conduit.ai/api/providers/1" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "enableModelDiscovery": true,
    "discoveryIntervalHours": 24
  }'

# Check health of specific provider
curl -X GET "https://admin.conduit.ai/api/providers/1/health" \
  -H "X-Master-Key: your-master-key"

# Get health status for all providers
curl -X GET "https://admin.conduit.ai/api/provider-health" \
  -H "X-Master-Key: your-master-key"

# Configure cost for specific provider instance
curl -X POST "https://admin.conduit.ai/api/model-costs" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "providerId": 1,
    "modelPattern": "gpt-4*",
    "inputCostPer1kTokens": 0.03,
    "outputCostPer1kTokens": 0.06,
    "costCalculationType": "TokenBased"
  }'

# Get cost breakdown by provider
curl -X GET "https://admin.conduit.ai/api/usage/costs?groupBy=provider" \
  -H "X-Master-Key: your-master-key" \
  -G \
  -d "startDate=2025-07-01" \
  -d "endDate=2025-07-31"

curl -X POST "https://admin.conduit.ai/api/providers" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "New Provider Instance",
    "providerType": "NewProvider",
    "isEnabled": true
  }'

# Add custom endpoint
curl -X POST "https://admin.conduit.ai/api/providers" \
  -H "X-Master-Key: your-master-key" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Custom LLM Service",
    "providerType": "OpenAICompatible",
    "baseUrl": "https://custom-llm.example.com/v1",
    "isEnabled": true
  }'

# Get provider performance data
curl -X GET "https://admin.conduit.ai/api/providers/analytics" \
  -H "X-Master-Key: your-master-key" \
  -G \
  -d "providerId=1" \
  -d "startDate=2025-07-01" \
  -d "endDate=2025-07-31"

# Get provider health history
curl -X GET "https://admin.conduit.ai/api/providers/1/health/history" \
  -H "X-Master-Key: your-master-key" \
  -G \
  -d "hours=24"

# Test provider connectivity
curl -X POST "https://admin.conduit.ai/api/providers/1/test" \
  -H "X-Master-Key: your-master-key"

# Get provider configuration
curl -X GET "https://admin.conduit.ai/api/providers/1" \
  -H "X-Master-Key: your-master-key"

# List all provider instances
curl -X GET "https://admin.conduit.ai/api/providers" \
  -H "X-Master-Key: your-master-key"
