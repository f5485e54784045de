BEGIN TRANSACTION;
CREATE TABLE administrator_sessions (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	subject TEXT NOT NULL, 
	name TEXT NOT NULL, 
	role BIGINT NOT NULL, 
	address TEXT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE administrators (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	role BIGINT NOT NULL, 
	token_prefix TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	expires_at BIGINT, 
	rotated_at BIGINT, allowed_ips JSON DEFAULT '[]' NOT NULL, client_certificates JSON DEFAULT '[]' NOT NULL, require_mtls BOOLEAN DEFAULT 0 NOT NULL, former_hash BLOB, former_token_until BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name), 
	UNIQUE (hash)
);
INSERT INTO "administrators" VALUES(1,1796065730199070,1796065730199070,'anna','anna',3,'condt_admin_NauCLj',X'590817B024846C8B45631219FB99BBACF37D43336468026C6701FE868DDEEF0C',1,NULL,NULL,'[]','[]',0,NULL,NULL);
CREATE TABLE alembic_version_registry (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_registry_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version_registry" VALUES('v0019');
CREATE TABLE audit_chain (
	id BIGINT NOT NULL, 
	base_revision BIGINT NOT NULL, 
	base_hash BLOB NOT NULL, 
	head_revision BIGINT NOT NULL, 
	head_hash BLOB NOT NULL, 
	signature BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_chain" VALUES(1,0,X'1A2DE4DCE9F42B0861B7C70B1C4577202DDC00DF35FBB5E1B304C0AE59C0184F',32,X'C391701CD438747E7EC96CD196D0641F2F125A62892F4729AD9C0F9375293F51',X'0AEA20E0324801590DECB7C1E4B5DD863976C5678E05EAE7F2BF4219334C75DF');
CREATE TABLE "audit_entries" (
	revision BIGINT NOT NULL, 
	occurred_at BIGINT NOT NULL, 
	action BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	peer TEXT NOT NULL, 
	resource_kind TEXT NOT NULL, 
	resource_id TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	changes JSON NOT NULL, 
	hash BLOB, 
	record_id TEXT, 
	PRIMARY KEY (revision), 
	CONSTRAINT uq_audit_entries_record_id UNIQUE (record_id)
);
INSERT INTO "audit_entries" VALUES(1,1796065727097410,1,'master-key','127.0.0.1','virtual_key','1','req_01m8pxr4kcfvgwdr5fz1wdx831','{"name": {"from": null, "to": "tests"}, "keyPrefix": {"from": null, "to": "condt_xUjwKZ"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}}',X'3D7C3173F00D2D30E486D9AB2374923C13E54A3C8DCA9B04359098F03AEE345B',NULL);
INSERT INTO "audit_entries" VALUES(2,1796065727908182,1,'master-key','127.0.0.1','provider','1','req_01m8pxr5bsfvgwdr5fz1wdx833','{"name": {"from": null, "to": "chat echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'67D5578B7FD0A2E7A5638430C8047CD89EA6EBBD32D6AB8B1FE43D4D5FFF4F1A',NULL);
INSERT INTO "audit_entries" VALUES(3,1796065728166268,1,'master-key','127.0.0.1','key','key_1','req_01m8pxr5n4fvgwdr5fz1wdx834','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'63660C1102BA1B01E0ACF326C24E56C7C1CEAE54B018F2444F76E308B3769E44',NULL);
INSERT INTO "audit_entries" VALUES(4,1796065728252504,1,'master-key','127.0.0.1','mapping','1','req_01m8pxr5qtfvgwdr5fz1wdx835','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 1}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'495B6BD19205D80D909197C2E7A5A5BDC3D437F315AC567E1D1546A9640FFA8B',NULL);
INSERT INTO "audit_entries" VALUES(5,1796065728405982,1,'master-key','127.0.0.1','provider','2','req_01m8pxr5w6fvgwdr5fz1wdx836','{"name": {"from": null, "to": "chat echo-2"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'C50C07DCE8034417E5F5F40B25F4253A8C2BC315B3FE7D81553A96A9404D6AFD',NULL);
INSERT INTO "audit_entries" VALUES(6,1796065728536811,1,'master-key','127.0.0.1','key','key_2','req_01m8pxr60nfvgwdr5fz1wdx837','{"providerId": {"from": null, "to": 2}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'3BC8A51C9D5B18A675EBCA167F01228C062685189EFA84E67ABDA6FF6D42FCBA',NULL);
INSERT INTO "audit_entries" VALUES(7,1796065728626662,1,'master-key','127.0.0.1','mapping','2','req_01m8pxr63gfvgwdr5fz1wdx838','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 2}, "actualModelName": {"from": null, "to": "echo-2"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'1BAEFB29D66DA9FF4ACE9A84BC2F7D468C7035D0E31D2305B4914BC4DF1D8717',NULL);
INSERT INTO "audit_entries" VALUES(8,1796065728754916,1,'master-key','127.0.0.1','key','key_3','req_01m8pxr67gfvgwdr5fz1wdx839','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": "production"}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'A79F471598ECFC43E6F1AE71D670C8B4F60B07DF51E4C035099C4BBC46140273',NULL);
INSERT INTO "audit_entries" VALUES(9,1796065728809527,1,'master-key','127.0.0.1','fallback_chain','1','req_01m8pxr697fvgwdr5fz1wdx83a','{"modelAlias": {"from": null, "to": "chat"}, "providers": {"from": null, "to": [{"providerId": 1, "priority": 0, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}, {"providerId": 2, "priority": 1, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}]}, "isEnabled": {"from": null, "to": true}, "strategy": {"from": null, "to": "RoundRobin"}, "affinity": {"from": null, "to": "None"}, "retries": {"from": null, "to": []}}',X'5622E8DAD261674B2386E8BE5900DD8B4C5EA127E81B0CA68C989EDC3B0E3B2E',NULL);
INSERT INTO "audit_entries" VALUES(10,1796065728893266,1,'master-key','127.0.0.1','model_cost','1','req_01m8pxr6btfvgwdr5fz1wdx83b','{"providerId": {"from": null, "to": 1}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'4629CD558EEE8E0EE1C7A4164392F1313973342CAA5C3F851DA304C577DE9350','503c7f32341d6e25d835b1958316c195');
INSERT INTO "audit_entries" VALUES(11,1796065728997436,1,'master-key','127.0.0.1','model_cost','2','req_01m8pxr6f4fvgwdr5fz1wdx83c','{"providerId": {"from": null, "to": 2}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'F6249D4896B248A7DA976E9963B29A96F518F0365D8FB1F0F52355E428E96EFB','c63fa56aece30e81fee6948aefd54749');
INSERT INTO "audit_entries" VALUES(12,1796065729195614,1,'master-key','127.0.0.1','provider','3','req_01m8pxr6n8fvgwdr5fz1wdx83e','{"name": {"from": null, "to": "unpriced echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'1EA1DAFEFE158CF23FCD8DB71CF27C72B3C3786033AE881465A7BA01F1F1695F',NULL);
INSERT INTO "audit_entries" VALUES(13,1796065729129034,1,'master-key','127.0.0.1','model_cost','3','req_01m8pxr6k7fvgwdr5fz1wdx83d','{"providerId": {"from": null, "to": 0}, "modelPattern": {"from": null, "to": "long-*"}, "inputCostPer1kTokens": {"from": null, "to": 0.01}, "outputCostPer1kTokens": {"from": null, "to": 0.03}, "costCalculationType": {"from": null, "to": "Tiered"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": [{"aboveInputTokens": 200000, "inputCostPer1kTokens": 0.02, "unitCosts": []}]}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 3}}',X'73A6715015E6B5D593A7AE8F5869958E38CA0AAEDFEC73AC6E0C94F385B66F3E','506e3c1354d14861a58db6d7f2aab8fb');
INSERT INTO "audit_entries" VALUES(14,1796065729401554,1,'master-key','127.0.0.1','key','key_4','req_01m8pxr6v6fvgwdr5fz1wdx83f','{"providerId": {"from": null, "to": 3}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'A568FAD0D71A87BB18D4D75E904CC6FBE52A64B4D208FB74A7545EFFFF942F12',NULL);
INSERT INTO "audit_entries" VALUES(15,1796065729507762,1,'master-key','127.0.0.1','mapping','3','req_01m8pxr6yffvgwdr5fz1wdx83g','{"modelAlias": {"from": null, "to": "unpriced"}, "providerId": {"from": null, "to": 3}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'F9CCBB5AEBABF957D6EC79517ED35CF245EB9937192159C985FC6D3A07C2DE3E',NULL);
INSERT INTO "audit_entries" VALUES(16,1796065729617144,1,'master-key','127.0.0.1','provider','4','req_01m8pxr72bfvgwdr5fz1wdx83h','{"name": {"from": null, "to": "voice speech"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'5EBA1AF373855333A8E338BF49C2CBD239B26328782B9BBD5F4CA0021DEEDD58',NULL);
INSERT INTO "audit_entries" VALUES(17,1796065729749725,1,'master-key','127.0.0.1','key','key_5','req_01m8pxr769fvgwdr5fz1wdx83j','{"providerId": {"from": null, "to": 4}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'9C003CEFDAFCA312FC749515BC92256EC1C77D7ECC0F848452D7AA9BA51A9CC3',NULL);
INSERT INTO "audit_entries" VALUES(18,1796065729864611,1,'master-key','127.0.0.1','mapping','4','req_01m8pxr7a6fvgwdr5fz1wdx83k','{"modelAlias": {"from": null, "to": "voice"}, "providerId": {"from": null, "to": 4}, "actualModelName": {"from": null, "to": "speech"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'73E8046A34DD0978D70BE184487F9070856A8B85652D2CD65C3CFC3201D93CFE',NULL);
INSERT INTO "audit_entries" VALUES(19,1796065729923529,1,'master-key','127.0.0.1','provider','5','req_01m8pxr7c0fvgwdr5fz1wdx83m','{"name": {"from": null, "to": "picture image"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'BA105097B0BEE49D3ECBC48BA8CEC2E1B684A1B7ED644802FCB212C09836E708',NULL);
INSERT INTO "audit_entries" VALUES(20,1796065729993904,1,'master-key','127.0.0.1','key','key_6','req_01m8pxr7e8fvgwdr5fz1wdx83n','{"providerId": {"from": null, "to": 5}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'BA27CDEC6F8459967E773E227A551F925791D56893957AEA6FD56FD7D3C274AD',NULL);
INSERT INTO "audit_entries" VALUES(21,1796065730049101,1,'master-key','127.0.0.1','mapping','5','req_01m8pxr7g0fvgwdr5fz1wdx83p','{"modelAlias": {"from": null, "to": "picture"}, "providerId": {"from": null, "to": 5}, "actualModelName": {"from": null, "to": "image"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'5EB7B4AF31171B47B25792F29FC5F6152270A6149CED7C7F8A6CC9B1F56AB6A6',NULL);
INSERT INTO "audit_entries" VALUES(22,1796065730199070,1,'master-key','127.0.0.1','administrator','1','req_01m8pxr7mmfvgwdr5fz1wdx83r','{"name": {"from": null, "to": "anna"}, "role": {"from": null, "to": "Auditor"}, "tokenPrefix": {"from": null, "to": "condt_admin_NauCLj"}, "isEnabled": {"from": null, "to": true}}',X'C9CD81CB639B557CC319DDA7E42B3A01F903D66E47E7C43510BD600A0F665ED3',NULL);
INSERT INTO "audit_entries" VALUES(23,1796065730152326,1,'master-key','127.0.0.1','webhook','1','req_01m8pxr7k2fvgwdr5fz1wdx83q','{"url": {"from": null, "to": "https://example.com/\u2026"}, "description": {"from": null, "to": ""}, "kinds": {"from": null, "to": []}, "isEnabled": {"from": null, "to": false}, "encryptionKeyId": {"from": null, "to": "9bf07856bc5ae4a2"}}',X'5C58577DD25F9C64B2EA74C5FFFCB96C19277FD41F35416A21809FA59EADCA2C','d1db5aa6f0e482a0a9a6f188d416b80d');
INSERT INTO "audit_entries" VALUES(24,1796065730284683,1,'master-key','127.0.0.1','virtual_key_group','1','req_01m8pxr7q8fvgwdr5fz1wdx83s','{"name": {"from": null, "to": "team"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 500, "period": "Total", "isHard": true, "timeZone": ""}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": false}, "refuseUnpriced": {"from": null, "to": false}}',X'F6DF18B52D5F0198F5624FEC0208E48EFE99352780DA12BC05DFCCC091E84D04',NULL);
INSERT INTO "audit_entries" VALUES(25,1796065730401853,1,'master-key','127.0.0.1','virtual_key_group','2','req_01m8pxr7tzfvgwdr5fz1wdx83t','{"name": {"from": null, "to": "prepaid"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": true}, "refuseUnpriced": {"from": null, "to": false}}',X'831EC40B92F1D72862675A515153E3CA558F14663A08440D9DBABA04D87442F7',NULL);
INSERT INTO "audit_entries" VALUES(26,1796065730460855,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8pxr7wvfvgwdr5fz1wdx83v','{"prepaid": {"kind": "top_up", "amountUsd": "2.00", "id": "first"}}',X'F6F574C45AA3B9AA15737F3E4961FECF3E4BBA0D43978F9878499FF0F9E53586','cbec73ee71490fce85e7faf58db04543');
INSERT INTO "audit_entries" VALUES(27,1796065731241013,1,'master-key','127.0.0.1','virtual_key','2','req_01m8pxr8mkfvgwdr5fz1wdx83x','{"name": {"from": null, "to": "limited"}, "keyPrefix": {"from": null, "to": "condt_WN3NSk"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 5, "period": "Day", "isHard": false, "timeZone": ""}, {"limitUsd": 9, "period": "Month", "isHard": true, "timeZone": "Europe/Berlin"}, {"limitUsd": 100, "period": "Total", "isHard": true, "timeZone": ""}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": ["a=b"]}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 1}, "refuseUnpriced": {"from": null, "to": false}}',X'03DBA5F076D3118DEBDFE1E2D717C4BB646E82E69EECDF480B3089EDCF402A2C',NULL);
INSERT INTO "audit_entries" VALUES(28,1796065731053748,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8pxr8eyfvgwdr5fz1wdx83w','{"prepaid": {"kind": "adjustment", "amountUsd": "-0.04", "id": "gone", "reason": "paid twice"}}',X'7A408DA2221CA5E8B46482830E25A1EC6D7CE7E63A50048F0422AC885A42BE76','fc08b453efed98ec231f6ff8cdb3a1bc');
INSERT INTO "audit_entries" VALUES(29,1796065731340571,1,'master-key','127.0.0.1','virtual_key','3','req_01m8pxr8rafvgwdr5fz1wdx83y','{"name": {"from": null, "to": "spent"}, "keyPrefix": {"from": null, "to": "condt_o3BPko"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": ["ch*"]}, "budget": {"from": null, "to": 0.04}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {"of": "0"}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}}',X'1ED932ACD81721AA2F24C5111A2650E054220E1EAB2F770F0FC40B92C4B00EA0',NULL);
INSERT INTO "audit_entries" VALUES(30,1796065731448295,1,'master-key','127.0.0.1','virtual_key','4','req_01m8pxr8v4fvgwdr5fz1wdx83z','{"name": {"from": null, "to": "prepaid"}, "keyPrefix": {"from": null, "to": "condt_NssUx2"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "maxAttempts": {"from": null, "to": 2}, "timeout": {"from": null, "to": "30s"}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 2}, "refuseUnpriced": {"from": null, "to": false}}',X'209FADE66DF7238C1B8ECE515D8AF3EA54CBFF2C0EE13270D906B3391F3974E5',NULL);
INSERT INTO "audit_entries" VALUES(31,1796065731550353,1,'master-key','127.0.0.1','virtual_key','5','req_01m8pxr8y1fvgwdr5fz1wdx840','{"name": {"from": null, "to": "rotated"}, "keyPrefix": {"from": null, "to": "condt_UBebZ8"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "security": {"from": null, "to": {"allowedIPs": ["127.0.0.0/8"], "requireMTLS": false, "clientCertificates": []}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}}',X'9C6E2CCF245AB748EF194993D9435429566919E7EE4013F020A48E0E7D4FB751',NULL);
INSERT INTO "audit_entries" VALUES(32,1796065731672925,4,'master-key','127.0.0.1','virtual_key','5','req_01m8pxr91mfvgwdr5fz1wdx841','{"keyPrefix": {"from": "condt_UBebZ8", "to": "condt_vH-CYQ"}, "rotatedAt": {"from": null, "to": "2026-11-30T19:08:51.672925Z"}, "formerKeyUntil": {"from": null, "to": "2026-12-01T19:08:51.672925Z"}}',X'C391701CD438747E7EC96CD196D0641F2F125A62892F4729AD9C0F9375293F51',NULL);
CREATE TABLE changes (
	revision BIGINT NOT NULL, 
	resources JSON NOT NULL, 
	PRIMARY KEY (revision)
);
INSERT INTO "changes" VALUES(1,'[["virtual_key", 1]]');
INSERT INTO "changes" VALUES(2,'[["provider", 1]]');
INSERT INTO "changes" VALUES(3,'[["key", 1]]');
INSERT INTO "changes" VALUES(4,'[["mapping", 1]]');
INSERT INTO "changes" VALUES(5,'[["provider", 2]]');
INSERT INTO "changes" VALUES(6,'[["key", 2]]');
INSERT INTO "changes" VALUES(7,'[["mapping", 2]]');
INSERT INTO "changes" VALUES(8,'[["key", 3]]');
INSERT INTO "changes" VALUES(9,'[["fallback_chain", 1]]');
INSERT INTO "changes" VALUES(10,'[]');
INSERT INTO "changes" VALUES(11,'[]');
INSERT INTO "changes" VALUES(12,'[["provider", 3]]');
INSERT INTO "changes" VALUES(13,'[]');
INSERT INTO "changes" VALUES(14,'[["key", 4]]');
INSERT INTO "changes" VALUES(15,'[["mapping", 3]]');
INSERT INTO "changes" VALUES(16,'[["provider", 4]]');
INSERT INTO "changes" VALUES(17,'[["key", 5]]');
INSERT INTO "changes" VALUES(18,'[["mapping", 4]]');
INSERT INTO "changes" VALUES(19,'[["provider", 5]]');
INSERT INTO "changes" VALUES(20,'[["key", 6]]');
INSERT INTO "changes" VALUES(21,'[["mapping", 5]]');
INSERT INTO "changes" VALUES(22,'[["administrator", 1]]');
INSERT INTO "changes" VALUES(23,'[]');
INSERT INTO "changes" VALUES(24,'[["virtual_key_group", 1]]');
INSERT INTO "changes" VALUES(25,'[["virtual_key_group", 2]]');
INSERT INTO "changes" VALUES(26,'[]');
INSERT INTO "changes" VALUES(27,'[["virtual_key", 2]]');
INSERT INTO "changes" VALUES(28,'[]');
INSERT INTO "changes" VALUES(29,'[["virtual_key", 3]]');
INSERT INTO "changes" VALUES(30,'[["virtual_key", 4]]');
INSERT INTO "changes" VALUES(31,'[["virtual_key", 5]]');
INSERT INTO "changes" VALUES(32,'[["virtual_key", 5]]');
CREATE TABLE discovered_models (
	provider_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	discovered_at BIGINT NOT NULL, 
	PRIMARY KEY (provider_id, name), 
	FOREIGN KEY(provider_id) REFERENCES providers (id) ON DELETE CASCADE
);
CREATE TABLE discoveries (
	provider_id BIGINT NOT NULL, 
	attempted_at BIGINT NOT NULL, 
	succeeded BOOLEAN NOT NULL, 
	PRIMARY KEY (provider_id), 
	FOREIGN KEY(provider_id) REFERENCES providers (id) ON DELETE CASCADE
);
CREATE TABLE fallback_chain_steps (
	chain_id BIGINT NOT NULL, 
	provider_id BIGINT NOT NULL, 
	position BIGINT NOT NULL, 
	priority BIGINT NOT NULL, 
	timeout BIGINT, 
	actual_model_name TEXT DEFAULT '' NOT NULL, 
	conditions JSON DEFAULT '[]' NOT NULL, 
	timeouts JSON DEFAULT '{}' NOT NULL, retries JSON DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (chain_id, position), 
	FOREIGN KEY(chain_id) REFERENCES fallback_chains (id) ON DELETE CASCADE, 
	FOREIGN KEY(provider_id) REFERENCES providers (id) ON DELETE CASCADE
);
INSERT INTO "fallback_chain_steps" VALUES(1,1,0,0,NULL,'','[]','{}','[]');
INSERT INTO "fallback_chain_steps" VALUES(1,2,1,1,NULL,'','[]','{}','[]');
CREATE TABLE fallback_chains (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	model_alias TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, strategy BIGINT DEFAULT '1' NOT NULL, affinity BIGINT DEFAULT '1' NOT NULL, stream_failover BIGINT, retries JSON DEFAULT '[]' NOT NULL, prefer_primary_for BIGINT, hedging JSON, 
	PRIMARY KEY (id), 
	UNIQUE (model_alias)
);
INSERT INTO "fallback_chains" VALUES(1,1796065728809527,1796065728809527,'chat',1,2,1,NULL,'[]',NULL,NULL);
CREATE TABLE key_credentials (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	provider_id BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	masked_api_key TEXT NOT NULL, 
	provider_account_group TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	organization TEXT NOT NULL, 
	project TEXT NOT NULL, 
	encryption_key_id TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	last_used BIGINT, 
	rotated_at BIGINT, 
	wrapped_data_key BLOB NOT NULL, 
	ciphertext BLOB NOT NULL, retires_at BIGINT, destination TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(provider_id) REFERENCES providers (id) ON DELETE CASCADE
);
INSERT INTO "key_credentials" VALUES(1,1796065728166268,1796065728166268,1,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'946160F7B312023ED8842EDA05F6D9A6B580516BFDA4CEEFD6AD78101E52A6B47A604DAA4C66F303CE4810C10F55DA59BDFC0D9E702BDF41A265C46A',X'05D1BDE397A3C1364AA3D659B31BBD51DC9BC42D91712AD4B151EB5DF86D4128BD96',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(2,1796065728536811,1796065728536811,2,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'62BC6F1D789005EC9F19F760A41EC1569BFC0B860FD466F22B1A6C320D3C4E39B54E61675CB1075127A270B12A89207CD950BD92604EAAF102AD1CCC',X'2DDDA7C3662E60763A4798CDF7A2FCF582CE07B84C6F2F175D87AD3DCEAFE7285AB5',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(3,1796065728754916,1796065728754916,1,'','…','production','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'EEA5FAB36D72B5BB41027448075287DA144625D4F62B626C4CB4B9EBD8C3F2203EBF46810308FD7F5D627AD63C30BB05EADA8E3BB35555CD84DA7FAB',X'92AF68D5B8D83C92AB9921578860600AE4C95DCD2368415B40FCDE39BE554880959B',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(4,1796065729401554,1796065729401554,3,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'CF5AE77225008682A80D7242B3A94D4D360EE3776976809AAFF72132E9F8FC7A27676699336C9395278EE159200424CC304FF664FBD9603E0E39E8C3',X'A2FFDC5EAA2C5F9B2ECD74E96EE3416BA021FF1F1B1B58FDD1A89762F613B9ABD551',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(5,1796065729749725,1796065729749725,4,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'0CC49F59F06D952CA34FA414F9A9F9B4214A221CF410E417F21E3A219C9716302BA051FCEF37FEE2C5EBBD71D31516D337283917429F2AB173EDF9D1',X'E450B7A552A6484DCCFF4D7FCF0813F6E820A5754F271424020CDA76F11266084A2D',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(6,1796065729993904,1796065729993904,5,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'D3F99055587ECBE3581E3CE740891C04E58E5AF541920C2E8D7F43479089D36FA50888BAADD16406E1489E1B4A1F5ECF0011B21B3F3F16006608BFE1',X'9BD2173E9D23BB2DA7986C631A6F698D903C17A2D4264F262EBD1ECFA9040B7B8664',NULL,'Simulator');
CREATE TABLE model_mappings (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	provider_id BIGINT NOT NULL, 
	model_alias TEXT NOT NULL, 
	actual_model_name TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	strict_parameters BOOLEAN NOT NULL, 
	capabilities JSON NOT NULL, 
	weight BIGINT, 
	priority BIGINT, timeouts JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (model_alias, provider_id), 
	FOREIGN KEY(provider_id) REFERENCES providers (id) ON DELETE CASCADE
);
INSERT INTO "model_mappings" VALUES(1,1796065728252504,1796065728252504,1,'chat','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(2,1796065728626662,1796065728626662,2,'chat','echo-2',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(3,1796065729507762,1796065729507762,3,'unpriced','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(4,1796065729864611,1796065729864611,4,'voice','speech',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(5,1796065730049101,1796065730049101,5,'picture','image',1,0,'[]',NULL,NULL,'{}');
CREATE TABLE providers (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	provider_type TEXT NOT NULL, 
	description TEXT NOT NULL, 
	base_url TEXT NOT NULL, 
	weight BIGINT NOT NULL, 
	priority BIGINT NOT NULL, 
	discovery_interval_hours BIGINT NOT NULL, 
	key_rotation_days BIGINT NOT NULL, 
	audit_level BIGINT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	enable_model_discovery BOOLEAN NOT NULL, 
	require_mtls BOOLEAN NOT NULL, 
	settings JSON NOT NULL, 
	allowed_ips JSON NOT NULL, health_check JSON DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name)
);
INSERT INTO "providers" VALUES(1,1796065727908182,1796065727908182,'chat echo','chat echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(2,1796065728405982,1796065728405982,'chat echo-2','chat echo-2','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(3,1796065729195614,1796065729195614,'unpriced echo','unpriced echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(4,1796065729617144,1796065729617144,'voice speech','voice speech','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(5,1796065729923529,1796065729923529,'picture image','picture image','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
CREATE TABLE registry_counters (
	kind TEXT NOT NULL, 
	last_id BIGINT NOT NULL, 
	PRIMARY KEY (kind)
);
INSERT INTO "registry_counters" VALUES('provider',5);
INSERT INTO "registry_counters" VALUES('key',6);
INSERT INTO "registry_counters" VALUES('mapping',5);
INSERT INTO "registry_counters" VALUES('fallback_chain',1);
INSERT INTO "registry_counters" VALUES('virtual_key',5);
INSERT INTO "registry_counters" VALUES('administrator',1);
INSERT INTO "registry_counters" VALUES('virtual_key_group',2);
INSERT INTO "registry_counters" VALUES('administrator_session',0);
CREATE TABLE registry_state (
	id BIGINT NOT NULL, 
	epoch TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "registry_state" VALUES(1,'01m8pxr1e22w3yfg0fyfamdjsj',32);
CREATE TABLE virtual_key_groups (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	covers_all BOOLEAN NOT NULL, 
	allowed_models JSON NOT NULL, 
	budgets JSON NOT NULL, 
	usage_limits JSON NOT NULL, 
	tags JSON NOT NULL, 
	notes JSON NOT NULL, refuse_unpriced BOOLEAN DEFAULT 0 NOT NULL, is_prepaid BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name)
);
INSERT INTO "virtual_key_groups" VALUES(1,1796065730284683,1796065730284683,'team','team',1,0,'[]','[{"limit_nano_usd": 500000000000, "period": 4, "is_hard": true, "time_zone": ""}]','{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','[]','{}',0,0);
INSERT INTO "virtual_key_groups" VALUES(2,1796065730401853,1796065730401853,'prepaid','prepaid',1,0,'[]','[]','{}','[]','{}',0,1);
CREATE TABLE virtual_keys (
	id BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	folded_name TEXT NOT NULL, 
	key_prefix TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	allowed_models JSON NOT NULL, 
	hash BLOB NOT NULL, 
	expires_at BIGINT, 
	budget_nano_usd BIGINT, stream_failover BIGINT, max_attempts BIGINT, timeout BIGINT, hedging_budget DOUBLE, allowed_ips JSON DEFAULT '[]' NOT NULL, client_certificates JSON DEFAULT '[]' NOT NULL, require_mtls BOOLEAN DEFAULT 0 NOT NULL, budgets JSON DEFAULT '[]' NOT NULL, outage_allowance_nano_usd BIGINT, rotated_at BIGINT, former_hash BLOB, former_key_until BIGINT, usage_limits JSON DEFAULT '{}' NOT NULL, tags JSON DEFAULT '[]' NOT NULL, notes JSON DEFAULT '{}' NOT NULL, allowed_providers JSON DEFAULT '[]' NOT NULL, group_id BIGINT, refuse_unpriced BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name), 
	UNIQUE (hash)
);
INSERT INTO "virtual_keys" VALUES(1,1796065727097410,1796065727097410,'tests','tests','condt_xUjwKZ',1,'[]',X'546DE2A6EC8B83E6DD2CD65D0FCC4B7DB62F506C246AAD9364D805D838811D98',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',NULL,0);
INSERT INTO "virtual_keys" VALUES(2,1796065731241013,1796065731241013,'limited','limited','condt_WN3NSk',1,'[]',X'D3E0D027F7AEFE6A28BBD7BE58F212540BB311B015918053BE230C4B9E3BF395',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[{"limit_nano_usd": 5000000000, "period": 1, "is_hard": false, "time_zone": ""}, {"limit_nano_usd": 9000000000, "period": 3, "is_hard": true, "time_zone": "Europe/Berlin"}, {"limit_nano_usd": 100000000000, "period": 4, "is_hard": true, "time_zone": ""}]',NULL,NULL,NULL,NULL,'{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','["a=b"]','{}','[]',1,0);
INSERT INTO "virtual_keys" VALUES(3,1796065731340571,1796065731340571,'spent','spent','condt_o3BPko',1,'["ch*"]',X'61CB0DF44CFC7A52D7C52F1C95F82EBC5820ABBCE04C3C56B0FFA30A20DBD422',NULL,40000000,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{"of": "0"}','[]',NULL,0);
INSERT INTO "virtual_keys" VALUES(4,1796065731448295,1796065731448295,'prepaid','prepaid','condt_NssUx2',1,'[]',X'FA187BEE0DFA118E7F0298CFA1E8970D17DED101C661F2BB7D98C30102F1A54D',NULL,NULL,NULL,2,30000000,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',2,0);
INSERT INTO "virtual_keys" VALUES(5,1796065731550353,1796065731672925,'rotated','rotated','condt_vH-CYQ',1,'[]',X'2DCA8BBE7E9CC9757E8953F6CAEBEA24235695C35E42913368A8C29E9498AFD1',NULL,NULL,NULL,NULL,NULL,NULL,'["127.0.0.0/8"]','[]',0,'[]',NULL,1796065731672925,X'EF5D941CDC8F97223364DBC3A476AC3782F07ADB08851053C824842DD29061FC',1796152131672925,'{}','[]','{}','[]',NULL,0);
CREATE INDEX ix_providers_provider_type ON providers (provider_type);
CREATE INDEX ix_key_credentials_provider_id ON key_credentials (provider_id);
CREATE INDEX ix_key_credentials_encryption_key_id ON key_credentials (encryption_key_id);
CREATE INDEX ix_model_mappings_provider_id ON model_mappings (provider_id);
CREATE INDEX ix_fallback_chain_steps_provider_id ON fallback_chain_steps (provider_id);
CREATE INDEX ix_audit_entries_resource ON audit_entries (resource_kind, resource_id);
CREATE INDEX ix_audit_entries_occurred_at ON audit_entries (occurred_at);
CREATE INDEX ix_virtual_keys_group_id ON virtual_keys (group_id);
COMMIT;
