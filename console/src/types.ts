// The messages of the admin API that pages read, as far as they do.

export type Provider = {
  id: number; name: string; providerType: string; isEnabled: boolean; description: string; baseUrl: string;
  settings: Record<string, string>; weight: number; priority: number; etag: string; createdAt: string;
  abortedStreams: string;
};
export type ProviderType = {
  name: string; displayName: string; baseUrl: string;
  auth: { kind: string; description: string; isOptional: boolean };
  settings: { name: string; description: string; isRequired: boolean; default: string }[];
  operations: { name: string; capabilities: string[] }[];
};
export type Key = {
  id: string; providerId: number; name: string; maskedApiKey: string; providerAccountGroup: string; isEnabled: boolean;
  lastUsed: string | null; createdAt: string; rotatedAt: string | null; isRotationDue: boolean; etag: string;
};
export type KeyHealth = { keyId: string; status: string; lastUsed: string | null; rateLimitRemaining: number | null; detail: string };
export type Health = {
  providerId: number; providerName: string; providerType: string; status: string; lastCheckTime: string | null;
  responseTime: number | null; availableModels: string[]; keyCredentials: KeyHealth[]; consecutiveFailures: number;
  circuit: string; lastError: string;
  healthDetails: { apiConnectivity: string; authentication: string; rateLimit: string; modelAvailability: string };
};
export type HealthHistory = {
  history: { timestamp: string; status: string; responseTime: number | null; error: string; source: string }[];
  uptimePercentage: number; responseTimeP50Ms: number | null; responseTimeP95Ms: number | null; responseTimeP99Ms: number | null;
};
export type RateLimit = { limit: number | null; remaining: number | null; resetsAt: string | null };
export type Mapping = {
  id: number; modelAlias: string; providerId: number; actualModelName: string; isEnabled: boolean;
  weight: number | null; priority: number | null; etag: string;
};
export type ChainStep = {
  providerId: number; priority: number; timeout?: string | null; actualModelName: string; conditions?: string[];
};
export type Chain = { id: number; modelAlias: string; providers: ChainStep[]; isEnabled: boolean; strategy: string; etag: string };
export type Candidate = {
  providerId: number; providerName: string; actualModelName: string; keyIds: string[]; priority: number; weight: number; modelAlias: string;
};
export type Rejection = { providerId: number; providerName: string; actualModelName?: string; keyId?: string; reason: string; detail?: string };
export type Decision = {
  modelAlias: string; operation: string; candidates: Candidate[]; rejections: Rejection[]; seed: number | string; revision: number; strategy: string;
};
export type Budget = { limitUsd: number; period: string; isHard: boolean };
export type Limits = { requestsPerMinute: number | null; tokensPerMinute: number | null; concurrentRequests: number | null };
export type VirtualKey = {
  id: number; name: string; key?: string; keyPrefix: string; isEnabled: boolean; allowedModels: string[]; expiresAt: string | null;
  budgets: Budget[]; limits: Limits | null; tags: string[]; groupId: number | null; createdAt: string; etag: string;
};
export type Group = {
  id: number; name: string; isEnabled: boolean; allowedModels: string[]; budgets: Budget[]; limits: Limits | null; isPrepaid: boolean; etag: string;
};
export type CostGroup = {
  providerId?: number; providerName?: string; virtualKeyId?: number; modelAlias?: string; day?: string; virtualKeyGroupId?: number;
  totalCost: number; requests: number; unpricedRequests: number; inputTokens: number; outputTokens: number;
};
export type Attempt = {
  providerId: number; providerName: string; keyId: string; actualModelName: string; code: string; upstreamStatus: number; upstreamCode: string;
  kind: string; isSent: boolean; upstreamRequestId: string; pauseMs: number; firstEventMs?: number | null; durationMs: number; costNanoUsd?: number | string | null;
};
export type RequestRecord = {
  id: string; startedAt: string; durationMs: number; status: string; code: string; httpStatus: number; operation: string; isStreamed: boolean;
  modelAlias: string; virtualKeyId: number; providerId: number; providerName: string; keyId: string; actualModelName: string;
  attemptCount: number; fallbacks: number; costNanoUsd?: number | string | null; inputTokens?: number; outputTokens?: number; firstEventMs?: number | null;
  attempts: Attempt[]; decisions: Decision[]; tags?: string[]; groupId?: number;
};
export type ModelCost = {
  id: number; providerId: number; modelPattern: string; inputCostPer1kTokens: number | null; outputCostPer1kTokens: number | null;
  cachedInputCostPer1kTokens: number | null; costPerUnit: number | null; costCalculationType: string; priority: number;
  effectiveFrom: string | null; effectiveUntil: string | null; etag: string;
};
export type AuditEntry = {
  revision: number; occurredAt: string; actor: string; peer: string; action: string; resourceKind: string; resourceId: string;
  changes: Record<string, { from: unknown; to: unknown }>; requestId: string; hash: string;
};
export type Administrator = { id: number; name: string; role: string; isEnabled: boolean; expiresAt: string | null; token?: string; etag: string; createdAt: string };
export type Webhook = { id: number; url: string; kinds: string[]; description: string; isEnabled: boolean; secret?: string; etag: string };
export type McpGrant = { virtualKeyId: number; groupId: number; tools: string[] };
export type McpServer = {
  id: number; name: string; url: string; isEnabled: boolean; description: string; headerNames: string[]; grants: McpGrant[]; etag: string;
};
