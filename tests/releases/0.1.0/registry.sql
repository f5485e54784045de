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
INSERT INTO "administrators" VALUES(1,1796071712501966,1796071712501966,'anna','anna',3,'condt_admin_LU47P1',X'D305D3C8BE82B117BCD4471B54666814C0F06F6AE127E6308B7AF53C71325540',1,NULL,NULL,'[]','[]',0,NULL,NULL);
CREATE TABLE alembic_version_registry (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_registry_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version_registry" VALUES('v0021');
CREATE TABLE audit_chain (
	id BIGINT NOT NULL, 
	base_revision BIGINT NOT NULL, 
	base_hash BLOB NOT NULL, 
	head_revision BIGINT NOT NULL, 
	head_hash BLOB NOT NULL, 
	signature BLOB NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_chain" VALUES(1,0,X'CEC0E36BB85BD76825605BD84CBBCD2B532301D686F344379EE10F0B5A6E526C',32,X'535F883C9A4BBBDFAFC0834D5A126FFB99ECD8BBA303503A062846943F60FD96',X'E33496C6481A5D465EC9E4FDCA5719C42CE815757F7089F5D43A3324AC46FB5D');
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
INSERT INTO "audit_entries" VALUES(1,1796071711117272,1,'master-key','127.0.0.1','virtual_key','1','req_01m8q3erca7xdp4221339f96qx','{"name": {"from": null, "to": "tests"}, "keyPrefix": {"from": null, "to": "condt_OBuqHt"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'FF4D80697D6742D81FD90A87BE50F69845C6AF16D7E91FC3692AE500D494442D',NULL);
INSERT INTO "audit_entries" VALUES(2,1796071711224119,1,'master-key','127.0.0.1','provider','1','req_01m8q3erfn7xdp4221339f96qz','{"name": {"from": null, "to": "chat echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'CF9818EE5C0F1B848D322D8CB934615291505C124B7E7CFE65842FE9DF45A354',NULL);
INSERT INTO "audit_entries" VALUES(3,1796071711320001,1,'master-key','127.0.0.1','key','key_1','req_01m8q3erjp7xdp4221339f96r0','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'E85BD3167D50061922601CEAF2E21AF15718A53DA856178282CB1135A7B5324A',NULL);
INSERT INTO "audit_entries" VALUES(4,1796071711376899,1,'master-key','127.0.0.1','mapping','1','req_01m8q3ermf7xdp4221339f96r1','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 1}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'DBEA828EAEC982E69BD6D761A164938007377CD6914363D08F8E69F555D61DE3',NULL);
INSERT INTO "audit_entries" VALUES(5,1796071711535709,1,'master-key','127.0.0.1','provider','2','req_01m8q3ersd7xdp4221339f96r2','{"name": {"from": null, "to": "chat echo-2"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'B12BA3E6E3FC83785E666C67B57F3A5435541C5A887D6ED4FE5D22A0B5DA78CC',NULL);
INSERT INTO "audit_entries" VALUES(6,1796071711589090,1,'master-key','127.0.0.1','key','key_2','req_01m8q3erv37xdp4221339f96r3','{"providerId": {"from": null, "to": 2}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'6974123DCF8A2AABCF08B5D8A553C51BD61F599B1419C75763812B0AAB418552',NULL);
INSERT INTO "audit_entries" VALUES(7,1796071711639049,1,'master-key','127.0.0.1','mapping','2','req_01m8q3erwn7xdp4221339f96r4','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 2}, "actualModelName": {"from": null, "to": "echo-2"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'5116564056FF37BB061FFA501A9ABCAA39DEE044472264974B8B43A165949124',NULL);
INSERT INTO "audit_entries" VALUES(8,1796071711697394,1,'master-key','127.0.0.1','key','key_3','req_01m8q3eryf7xdp4221339f96r5','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": "production"}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'3AD6A51D803BB72D43295D1366D5994105B82D8EFF6A3183F88249E58403366E',NULL);
INSERT INTO "audit_entries" VALUES(9,1796071711758411,1,'master-key','127.0.0.1','fallback_chain','1','req_01m8q3es097xdp4221339f96r6','{"modelAlias": {"from": null, "to": "chat"}, "providers": {"from": null, "to": [{"providerId": 1, "priority": 0, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}, {"providerId": 2, "priority": 1, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}]}, "isEnabled": {"from": null, "to": true}, "strategy": {"from": null, "to": "RoundRobin"}, "affinity": {"from": null, "to": "None"}, "retries": {"from": null, "to": []}, "guardrails": {"from": null, "to": [{"name": "no keys", "action": "Block", "stage": "Both", "patterns": [], "detectors": ["Secret"], "moderationModel": "", "failOpen": false}]}}',X'FE1C73E5840A180387E0F292B5C1234D27513FF45706CE73D38F53178C803763',NULL);
INSERT INTO "audit_entries" VALUES(10,1796071711836017,1,'master-key','127.0.0.1','model_cost','1','req_01m8q3es2s7xdp4221339f96r7','{"providerId": {"from": null, "to": 1}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'A7BCC09FD9598C455801E3F6327D908CC2E72F4E078363AD330E6F09C9E481BF','c611e80d64e18dd399de471d6ebaa6c3');
INSERT INTO "audit_entries" VALUES(11,1796071711878521,1,'master-key','127.0.0.1','model_cost','2','req_01m8q3es437xdp4221339f96r8','{"providerId": {"from": null, "to": 2}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'34567617E0D5EBC201C81EF8864D72360CEBBCDDC482FD084BF2DAF56E9C2990','e60af7a21f42a7319758dd637d500faf');
INSERT INTO "audit_entries" VALUES(12,1796071711980427,1,'master-key','127.0.0.1','provider','3','req_01m8q3es767xdp4221339f96ra','{"name": {"from": null, "to": "unpriced echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'BB8AF54C8437800CE6154638DF30D12EB054F49D899F836D51CAED40F35C85EF',NULL);
INSERT INTO "audit_entries" VALUES(13,1796071711928286,1,'master-key','127.0.0.1','model_cost','3','req_01m8q3es5n7xdp4221339f96r9','{"providerId": {"from": null, "to": 0}, "modelPattern": {"from": null, "to": "long-*"}, "inputCostPer1kTokens": {"from": null, "to": 0.01}, "outputCostPer1kTokens": {"from": null, "to": 0.03}, "costCalculationType": {"from": null, "to": "Tiered"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": [{"aboveInputTokens": 200000, "inputCostPer1kTokens": 0.02, "unitCosts": []}]}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 3}}',X'AAAC9454F3B07650F25433D7BC99C9977047127FE2CC33065F58305F3FE343CE','c43a4a0ec602c08543ca67bb1020f04a');
INSERT INTO "audit_entries" VALUES(14,1796071712052740,1,'master-key','127.0.0.1','key','key_4','req_01m8q3es9k7xdp4221339f96rb','{"providerId": {"from": null, "to": 3}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'5AEB5FACEC2F9B15FBD88707E5F710BA05A2467EC392589A79296BDFCF3305AB',NULL);
INSERT INTO "audit_entries" VALUES(15,1796071712110266,1,'master-key','127.0.0.1','mapping','3','req_01m8q3esbc7xdp4221339f96rc','{"modelAlias": {"from": null, "to": "unpriced"}, "providerId": {"from": null, "to": 3}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'47D8E42AD99B9C92712977F60C8C9C958E042535639CB52EEBCE74531F75DBEA',NULL);
INSERT INTO "audit_entries" VALUES(16,1796071712162310,1,'master-key','127.0.0.1','provider','4','req_01m8q3escx7xdp4221339f96rd','{"name": {"from": null, "to": "voice speech"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'593329F0B8C3A7CAB7D5C64F694CC7757A34B2D11FB795518AECAF27B2EBCD71',NULL);
INSERT INTO "audit_entries" VALUES(17,1796071712212646,1,'master-key','127.0.0.1','key','key_5','req_01m8q3esej7xdp4221339f96re','{"providerId": {"from": null, "to": 4}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'20B89B856DEBD54CDA3B61BDE76E5ACFF890781A1BE73CB14D7EAC6CB2B862C8',NULL);
INSERT INTO "audit_entries" VALUES(18,1796071712259647,1,'master-key','127.0.0.1','mapping','4','req_01m8q3esg17xdp4221339f96rf','{"modelAlias": {"from": null, "to": "voice"}, "providerId": {"from": null, "to": 4}, "actualModelName": {"from": null, "to": "speech"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'4C94EB838768ACCEA5E9457F8FAB597B438EB06BDA66BE9DE0321EB2E43A643C',NULL);
INSERT INTO "audit_entries" VALUES(19,1796071712315263,1,'master-key','127.0.0.1','provider','5','req_01m8q3eshs7xdp4221339f96rg','{"name": {"from": null, "to": "picture image"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'748D37972E85F04DE23C8FE6B7765802EF0F7DFB8E203421D0C7E8A0A72C7DBD',NULL);
INSERT INTO "audit_entries" VALUES(20,1796071712363254,1,'master-key','127.0.0.1','key','key_6','req_01m8q3esk97xdp4221339f96rh','{"providerId": {"from": null, "to": 5}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'66F475B8EDF8B503BD0C9EFB30737174FA757C067A01F55F3E005474ED4A8BC6',NULL);
INSERT INTO "audit_entries" VALUES(21,1796071712413884,1,'master-key','127.0.0.1','mapping','5','req_01m8q3esmw7xdp4221339f96rj','{"modelAlias": {"from": null, "to": "picture"}, "providerId": {"from": null, "to": 5}, "actualModelName": {"from": null, "to": "image"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'30592773B08686A8D431DFBF746DD6E0728770190C9BED222A4C1801E18A4DD3',NULL);
INSERT INTO "audit_entries" VALUES(22,1796071712501966,1,'master-key','127.0.0.1','administrator','1','req_01m8q3esqg7xdp4221339f96rm','{"name": {"from": null, "to": "anna"}, "role": {"from": null, "to": "Auditor"}, "tokenPrefix": {"from": null, "to": "condt_admin_LU47P1"}, "isEnabled": {"from": null, "to": true}}',X'11EB156B753ED038E980DC846E3EB857E62B2199459F7060262C9CB26061ED2A',NULL);
INSERT INTO "audit_entries" VALUES(23,1796071712466743,1,'master-key','127.0.0.1','webhook','1','req_01m8q3espe7xdp4221339f96rk','{"url": {"from": null, "to": "https://example.com/\u2026"}, "description": {"from": null, "to": ""}, "kinds": {"from": null, "to": []}, "isEnabled": {"from": null, "to": false}, "encryptionKeyId": {"from": null, "to": "9bf07856bc5ae4a2"}}',X'23F6ACD3A96D42760664054BED0C4CE5AE1FFA52FECE22B9A30E8AB6D6ED3133','d1823b42abe786bc913171119f92e523');
INSERT INTO "audit_entries" VALUES(24,1796071712561338,1,'master-key','127.0.0.1','virtual_key_group','1','req_01m8q3essd7xdp4221339f96rn','{"name": {"from": null, "to": "team"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 500, "period": "Total", "isHard": true, "timeZone": "", "rollingHours": 0}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": false}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'6A1657471CB5E5695AFC5794BD03514309D0F311B1BD47D4493A174D4E29DE1A',NULL);
INSERT INTO "audit_entries" VALUES(25,1796071712625166,1,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q3esvf7xdp4221339f96rp','{"name": {"from": null, "to": "prepaid"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": true}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'E6F09EC447A0DB04E00E80D6DDE15CB3C832C040D3B1D18185151B1E0BF2BF1D',NULL);
INSERT INTO "audit_entries" VALUES(26,1796071712675342,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q3esx27xdp4221339f96rq','{"prepaid": {"kind": "top_up", "amountUsd": "2.00", "id": "first"}}',X'2B4BE9F7D49E1209BD0D5867118E9EDAE5D833503105D06CD91E315D9F62DFE7','cbb1dc2486ac6303ec5ae28cf06cee27');
INSERT INTO "audit_entries" VALUES(27,1796071712773504,1,'master-key','127.0.0.1','virtual_key','2','req_01m8q3et037xdp4221339f96rs','{"name": {"from": null, "to": "limited"}, "keyPrefix": {"from": null, "to": "condt_8rYO7t"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 5, "period": "Day", "isHard": false, "timeZone": "", "rollingHours": 0}, {"limitUsd": 9, "period": "Month", "isHard": true, "timeZone": "Europe/Berlin", "rollingHours": 0}, {"limitUsd": 100, "period": "Total", "isHard": true, "timeZone": "", "rollingHours": 0}, {"limitUsd": 70, "period": "Rolling", "isHard": true, "timeZone": "", "rollingHours": 24}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": ["a=b"]}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 1}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'5CD5A6526C8FD8A6832BCB1860B0C6BD9C81019B280DB215AB48607BA368F06E',NULL);
INSERT INTO "audit_entries" VALUES(28,1796071712720255,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q3esye7xdp4221339f96rr','{"prepaid": {"kind": "adjustment", "amountUsd": "-0.04", "id": "gone", "reason": "paid twice"}}',X'B139F32DEC227C7DF87AB421FC7A179BBCD6BA4BA3710AFE272E702ECE3246EF','80752d1fef9ea3dfe9699bee87df02ae');
INSERT INTO "audit_entries" VALUES(29,1796071712838061,1,'master-key','127.0.0.1','virtual_key','3','req_01m8q3et227xdp4221339f96rt','{"name": {"from": null, "to": "spent"}, "keyPrefix": {"from": null, "to": "condt_p4s4he"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": ["ch*"]}, "budget": {"from": null, "to": 0.04}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {"of": "0"}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'A2910D42824A4DD1C0C82FA3F88C17C030D956C8B992768D67802BDC5E850E1D',NULL);
INSERT INTO "audit_entries" VALUES(30,1796071712895229,1,'master-key','127.0.0.1','virtual_key','4','req_01m8q3et3x7xdp4221339f96rv','{"name": {"from": null, "to": "prepaid"}, "keyPrefix": {"from": null, "to": "condt_5fHvoQ"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "maxAttempts": {"from": null, "to": 2}, "timeout": {"from": null, "to": "30s"}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 2}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'551E850FDAEDBAB9F3A2D9A939DC6EC3C3A6206647A3887405DCE675BD64197C',NULL);
INSERT INTO "audit_entries" VALUES(31,1796071712948019,1,'master-key','127.0.0.1','virtual_key','5','req_01m8q3et5j7xdp4221339f96rw','{"name": {"from": null, "to": "rotated"}, "keyPrefix": {"from": null, "to": "condt_zhGFot"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "security": {"from": null, "to": {"allowedIPs": ["127.0.0.0/8"], "requireMTLS": false, "clientCertificates": []}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'96AB133CFF86B76E7FDD1FFA40698D26EBBD9155C3642568FD975C1BA83043F9',NULL);
INSERT INTO "audit_entries" VALUES(32,1796071713001318,4,'master-key','127.0.0.1','virtual_key','5','req_01m8q3et777xdp4221339f96rx','{"keyPrefix": {"from": "condt_zhGFot", "to": "condt_FCFC7a"}, "rotatedAt": {"from": null, "to": "2026-11-30T20:48:33.001318Z"}, "formerKeyUntil": {"from": null, "to": "2026-12-01T20:48:33.001318Z"}}',X'535F883C9A4BBBDFAFC0834D5A126FFB99ECD8BBA303503A062846943F60FD96',NULL);
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
	is_enabled BOOLEAN NOT NULL, strategy BIGINT DEFAULT '1' NOT NULL, affinity BIGINT DEFAULT '1' NOT NULL, stream_failover BIGINT, retries JSON DEFAULT '[]' NOT NULL, prefer_primary_for BIGINT, hedging JSON, cache JSON, guardrails JSON DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (model_alias)
);
INSERT INTO "fallback_chains" VALUES(1,1796071711758411,1796071711758411,'chat',1,2,1,NULL,'[]',NULL,NULL,NULL,'[{"name": "no keys", "action": 1, "stage": 3, "patterns": [], "detectors": [1], "max_characters": null, "moderation_model": "", "webhook": null, "fail_open": false}]');
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
INSERT INTO "key_credentials" VALUES(1,1796071711320001,1796071711320001,1,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'4EC924E435F6CC112D9E31F911FD49F24166A3AEB7419EC993A2D3582FDD67C555F0038770D7EACCF01949A1717EDA15ED8E55E60121C021363F109A',X'159FB6A5B1C65989B2EFF88EC153FA39B5BFE295980A093DC162FA5EE92EAF35A2FD',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(2,1796071711589090,1796071711589090,2,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'DF86A3D51D34480581D6683CA33426A8FAA751E61131E8B58930FDA2605C65DDEC3EEE50AFAA54DF9E6B9307FF142A0974242EEDA7ED3F7463C2AB26',X'7D3EA956F376259182990DCD9DAD422A6EB7BBBD3602706EBE30B14B7AB897457A28',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(3,1796071711697394,1796071711697394,1,'','…','production','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'5B9B0863AC04A8B041C23221796EE2BABEBB8F19E4B8441FD64816AC9B5F66A8E3542E1BD7E69EF4E593723C98CCDFBA7B74B37AC2BFBF2400B1A646',X'5EB7862C59489B1267DAB15F6E72088AAD015711555747AF87FB7E4888C02D664F6A',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(4,1796071712052740,1796071712052740,3,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'207BE4CE93C0A2964C2A9848156EEB49714DEE350828ACE3701E3ED0B4B22D8785D13D484A3838311AE265949153CEB14005356773A2852F0CC5BDAD',X'8892A81E25506443EBE86D09B3133ABEAC0AF3411CF8AED41155EDCDD6DA54009D5C',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(5,1796071712212646,1796071712212646,4,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'1D6E8A0E7ECB01EC61EF45B13B1DC65FF1B6340313886EAA26EBECB77AC8A3D43CD72CFD9CEBF239E92452A179DC5A891A5EEA630DF89ED58C1B03E2',X'BF196AC57128F94AA22756BBDBA0E397C60C00FA381DC460EE7C960ABD5C5CABC2B0',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(6,1796071712363254,1796071712363254,5,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'4BA3B509564923E4899C8D58FE30F4016184272187F0C78C5EDFFE9A1C4F5E5891BD7EEC7DC4270103D802DFA0C07088998EAD64BB7F61AA8471486E',X'7D1393AF9B28CC69C04A88E263AA34ADEC814C413EEE99C34CC6FE12215B6F540BE3',NULL,'Simulator');
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
INSERT INTO "model_mappings" VALUES(1,1796071711376899,1796071711376899,1,'chat','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(2,1796071711639049,1796071711639049,2,'chat','echo-2',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(3,1796071712110266,1796071712110266,3,'unpriced','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(4,1796071712259647,1796071712259647,4,'voice','speech',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(5,1796071712413884,1796071712413884,5,'picture','image',1,0,'[]',NULL,NULL,'{}');
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
INSERT INTO "providers" VALUES(1,1796071711224119,1796071711224119,'chat echo','chat echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(2,1796071711535709,1796071711535709,'chat echo-2','chat echo-2','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(3,1796071711980427,1796071711980427,'unpriced echo','unpriced echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(4,1796071712162310,1796071712162310,'voice speech','voice speech','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(5,1796071712315263,1796071712315263,'picture image','picture image','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
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
INSERT INTO "registry_state" VALUES(1,'01m8q3eqt06tprs3z3x3vm6zvr',32);
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
	notes JSON NOT NULL, refuse_unpriced BOOLEAN DEFAULT 0 NOT NULL, is_prepaid BOOLEAN DEFAULT 0 NOT NULL, guardrails JSON DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name)
);
INSERT INTO "virtual_key_groups" VALUES(1,1796071712561338,1796071712561338,'team','team',1,0,'[]','[{"limit_nano_usd": 500000000000, "period": 4, "is_hard": true, "time_zone": "", "rolling_hours": 0}]','{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','[]','{}',0,0,'[]');
INSERT INTO "virtual_key_groups" VALUES(2,1796071712625166,1796071712625166,'prepaid','prepaid',1,0,'[]','[]','{}','[]','{}',0,1,'[]');
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
	budget_nano_usd BIGINT, stream_failover BIGINT, max_attempts BIGINT, timeout BIGINT, hedging_budget DOUBLE, allowed_ips JSON DEFAULT '[]' NOT NULL, client_certificates JSON DEFAULT '[]' NOT NULL, require_mtls BOOLEAN DEFAULT 0 NOT NULL, budgets JSON DEFAULT '[]' NOT NULL, outage_allowance_nano_usd BIGINT, rotated_at BIGINT, former_hash BLOB, former_key_until BIGINT, usage_limits JSON DEFAULT '{}' NOT NULL, tags JSON DEFAULT '[]' NOT NULL, notes JSON DEFAULT '{}' NOT NULL, allowed_providers JSON DEFAULT '[]' NOT NULL, group_id BIGINT, refuse_unpriced BOOLEAN DEFAULT 0 NOT NULL, guardrails JSON DEFAULT '[]' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (folded_name), 
	UNIQUE (hash)
);
INSERT INTO "virtual_keys" VALUES(1,1796071711117272,1796071711117272,'tests','tests','condt_OBuqHt',1,'[]',X'631CB64A7C836BB3180D13654E43CEEE1A520F2BED5515B88C9C64C6A684383C',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',NULL,0,'[]');
INSERT INTO "virtual_keys" VALUES(2,1796071712773504,1796071712773504,'limited','limited','condt_8rYO7t',1,'[]',X'B88D22B14C395A3ED14B0817586A5A58F113CACA1A7475EE5D85104AAAF924BF',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[{"limit_nano_usd": 5000000000, "period": 1, "is_hard": false, "time_zone": "", "rolling_hours": 0}, {"limit_nano_usd": 9000000000, "period": 3, "is_hard": true, "time_zone": "Europe/Berlin", "rolling_hours": 0}, {"limit_nano_usd": 100000000000, "period": 4, "is_hard": true, "time_zone": "", "rolling_hours": 0}, {"limit_nano_usd": 70000000000, "period": 5, "is_hard": true, "time_zone": "", "rolling_hours": 24}]',NULL,NULL,NULL,NULL,'{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','["a=b"]','{}','[]',1,0,'[]');
INSERT INTO "virtual_keys" VALUES(3,1796071712838061,1796071712838061,'spent','spent','condt_p4s4he',1,'["ch*"]',X'EDCEF873979CBA63A7DA5109AC7A1DB8842CCF800BC820690C864139276A598D',NULL,40000000,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{"of": "0"}','[]',NULL,0,'[]');
INSERT INTO "virtual_keys" VALUES(4,1796071712895229,1796071712895229,'prepaid','prepaid','condt_5fHvoQ',1,'[]',X'6C5EFB754E536E0C3301ECEE51B642F796C35F81F0A3EB385F3706476F499151',NULL,NULL,NULL,2,30000000,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',2,0,'[]');
INSERT INTO "virtual_keys" VALUES(5,1796071712948019,1796071713001318,'rotated','rotated','condt_FCFC7a',1,'[]',X'42C93C44F778451C90FE5C714616ECFB8AC546846B774490D4A95F291B987BEF',NULL,NULL,NULL,NULL,NULL,NULL,'["127.0.0.0/8"]','[]',0,'[]',NULL,1796071713001318,X'4D1396FAADF84E0EB55492066D22BE5D6BFB3EA474562B424277268F35BA4742',1796158113001318,'{}','[]','{}','[]',NULL,0,'[]');
CREATE INDEX ix_providers_provider_type ON providers (provider_type);
CREATE INDEX ix_key_credentials_provider_id ON key_credentials (provider_id);
CREATE INDEX ix_key_credentials_encryption_key_id ON key_credentials (encryption_key_id);
CREATE INDEX ix_model_mappings_provider_id ON model_mappings (provider_id);
CREATE INDEX ix_fallback_chain_steps_provider_id ON fallback_chain_steps (provider_id);
CREATE INDEX ix_audit_entries_occurred_at ON audit_entries (occurred_at);
CREATE INDEX ix_audit_entries_resource ON audit_entries (resource_kind, resource_id);
CREATE INDEX ix_virtual_keys_group_id ON virtual_keys (group_id);
COMMIT;
