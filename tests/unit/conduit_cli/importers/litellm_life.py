"""What an installation of LiteLLM's has: its file, and its database."""

import hashlib

# After the form of the examples beside LiteLLM's proxy.
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.openai.azure.com/
      api_version: "2024-10-21"
      api_key: os.environ/AZURE_EU_KEY
      rpm: 480
      timeout: 300
      stream_timeout: 60
  - model_name: gpt-4o
    litellm_params:
      model: gpt-4o
      weight: 0.5
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-2024-11-20
  - model_name: claude
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_key: os.environ/ANTHROPIC_API_KEY
      temperature: 0.2
    model_info:
      input_cost_per_token: 0.000003
      output_cost_per_token: 1.5e-05
  - model_name: local
    litellm_params: &local
      model: openai/tiny
      api_base: http://127.0.0.1:9000/v1/
      api_key: sk-local-literal
      max_tokens: 20_000
  - model_name: titan
    litellm_params: {model: bedrock/amazon.titan-text, aws_region_name: eu-west-1}
  - model_name: gemini
    litellm_params:
      model: vertex_ai/gemini-2.5-pro
      vertex_project: demo
      vertex_location: europe-west1
      vertex_credentials: /secrets/vertex.json
  - model_name: "*"
    litellm_params: {model: "openai/*"}
  - model_name: odd
    litellm_params: {model: sagemaker/some-endpoint}
litellm_settings:
  drop_params: true
  num_retries: 5
  max_budget: 100
  budget_duration: 30d
  context_window_fallbacks: [{gpt-4o: [gemini]}]
router_settings:
  routing_strategy: latency-based-routing
  model_group_alias: {gpt-4: gpt-4o, hidden: {model: claude, hidden: true}}
  fallbacks: [{gpt-4o: [claude, nobody]}]
general_settings:
  master_key: sk-1234567890123456789012
environment_variables: {REDIS_HOST: localhost}
"""
KEY = "sk-old-0123456789abcdef"
BLOCKED = "sk-old-blocked-0123456789"
# The columns of schema.prisma that are read, and some that are not; lists and JSON as each
# database has them.
_TABLES = """
CREATE TABLE "LiteLLM_BudgetTable" (budget_id TEXT PRIMARY KEY, max_budget {float},
  soft_budget {float}, max_parallel_requests INTEGER, tpm_limit BIGINT, rpm_limit BIGINT,
  model_max_budget {json}, budget_duration TEXT, created_at TIMESTAMP);
CREATE TABLE "LiteLLM_TeamTable" (team_id TEXT PRIMARY KEY, team_alias TEXT, metadata {json},
  max_budget {float}, spend {float} DEFAULT 0, models {list}, max_parallel_requests INTEGER,
  tpm_limit BIGINT, rpm_limit BIGINT, budget_duration TEXT, blocked BOOLEAN DEFAULT FALSE,
  created_at TIMESTAMP);
CREATE TABLE "LiteLLM_VerificationToken" (token TEXT PRIMARY KEY, key_name TEXT, key_alias TEXT,
  spend {float} DEFAULT 0, expires TIMESTAMP, models {list}, aliases {json}, config {json},
  user_id TEXT, team_id TEXT, permissions {json}, max_parallel_requests INTEGER, metadata {json},
  blocked BOOLEAN, tpm_limit BIGINT, rpm_limit BIGINT, max_budget {float}, budget_duration TEXT,
  allowed_routes {list}, model_max_budget {json}, budget_id TEXT, created_at TIMESTAMP);
CREATE TABLE "LiteLLM_UserTable" (user_id TEXT PRIMARY KEY, max_budget {float});
CREATE TABLE "LiteLLM_ProxyModelTable" (model_id TEXT PRIMARY KEY, model_name TEXT);
"""
_ROWS = """
INSERT INTO "LiteLLM_BudgetTable" (budget_id, max_budget, budget_duration, rpm_limit) VALUES
  ('b1', 20, '1d', 60);
INSERT INTO "LiteLLM_TeamTable" (team_id, team_alias, metadata, max_budget, models, tpm_limit,
  budget_duration, created_at) VALUES
  ('t1', 'search', '{{"tags": ["team=search"], "owner": "anna"}}', 200, {models}, 100000, '30d',
   '2026-01-01 00:00:00');
INSERT INTO "LiteLLM_VerificationToken" (token, key_alias, team_id, models, metadata, budget_id,
  expires, user_id, created_at, aliases) VALUES
  ('{key}', 'backend', 't1', {models}, '{{}}', 'b1', '2036-01-02 03:04:05', 'u1',
   '2026-01-02 00:00:00', '{{"gpt": "gpt-4o"}}');
INSERT INTO "LiteLLM_VerificationToken" (token, key_name, blocked, max_budget, spend, models,
  created_at) VALUES
  ('{blocked}', 'sk-...6789', TRUE, 5, 3.5, {all}, '2026-01-03 00:00:00');
INSERT INTO "LiteLLM_VerificationToken" (token, key_alias, models, created_at) VALUES
  ('not-hashed-key-0123456789', 'backend', {none}, '2026-01-04 00:00:00');
INSERT INTO "LiteLLM_VerificationToken" (token, team_id, models, created_at) VALUES
  ('session', 'litellm-dashboard', {none}, '2026-01-05 00:00:00');
INSERT INTO "LiteLLM_UserTable" VALUES ('u1', 10);
INSERT INTO "LiteLLM_ProxyModelTable" VALUES ('m1', 'x');
"""
_DIALECTS = {
    "postgresql": {
        "float": "DOUBLE PRECISION",
        "json": "JSONB",
        "list": "TEXT[]",
        "models": "ARRAY['gpt-4o']",
        "all": "ARRAY['all-proxy-models']",
        "none": "ARRAY[]::TEXT[]",
    },
    "sqlite": {
        "float": "REAL",
        "json": "TEXT",
        "list": "TEXT",
        "models": "'[\"gpt-4o\"]'",
        "all": "'[\"all-proxy-models\"]'",
        "none": "'[]'",
    },
}


def hashed(key: str) -> str:
    """Return a key as LiteLLM keeps it."""
    return hashlib.sha256(key.encode()).hexdigest()


def statements(dialect: str) -> list[str]:
    """Return what makes a database that has something of everything."""
    words = {**_DIALECTS[dialect], "key": hashed(KEY), "blocked": hashed(BLOCKED)}
    tables = _TABLES.format(**words)
    return [each.strip() for each in (tables + _ROWS.format(**words)).split(";") if each.strip()]
