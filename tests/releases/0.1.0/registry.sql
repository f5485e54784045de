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
INSERT INTO "administrators" VALUES(1,1796069756631861,1796069756631861,'anna','anna',3,'condt_admin_Bm2g37',X'32AEEFDBE368F549970C81CA7B1C0480B8CE023B653649527EFA4AA9C70E572A',1,NULL,NULL,'[]','[]',0,NULL,NULL);
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
INSERT INTO "audit_chain" VALUES(1,0,X'518D93D299736882F045CEC854CFD6408F9A4BA5C77576E8643DBD8042DCE762',32,X'FF06D77D53C2CD778FD568E7A6C9FBAA69509D7E6FD2D604A74B9F61079ECC66',X'F61CDFC93D485FB12F0C998ABD1E32FC6D77A76C220BEE6411EDC4FE8E8FFD00');
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
INSERT INTO "audit_entries" VALUES(1,1796069751519188,1,'master-key','127.0.0.1','virtual_key','1','req_01m8q1jypf1zq28w1d6ab4p5nv','{"name": {"from": null, "to": "tests"}, "keyPrefix": {"from": null, "to": "condt_yBDMRr"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'F59A304B55DBA320838FB64E0D8ED2BA74ED2DC782A9B9223CF62202E7A4F644',NULL);
INSERT INTO "audit_entries" VALUES(2,1796069751707861,1,'master-key','127.0.0.1','provider','1','req_01m8q1jyv41zq28w1d6ab4p5nx','{"name": {"from": null, "to": "chat echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'2D342B74821A68C7047E020164481C8DA6B3E5E6D5D9D58FE29E31E58DF63908',NULL);
INSERT INTO "audit_entries" VALUES(3,1796069751916427,1,'master-key','127.0.0.1','key','key_1','req_01m8q1jz281zq28w1d6ab4p5ny','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'C2C9B6BB8B2AAF10B1E59EF44CD8C0B46AC266523325118674DC2B0A84B72BA7',NULL);
INSERT INTO "audit_entries" VALUES(4,1796069752016225,1,'master-key','127.0.0.1','mapping','1','req_01m8q1jz6f1zq28w1d6ab4p5nz','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 1}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'CABF65D1C6000355501F4F7029F0C048AF5D84FDBCE516019B4BC7398CDCA2BF',NULL);
INSERT INTO "audit_entries" VALUES(5,1796069752181380,1,'master-key','127.0.0.1','provider','2','req_01m8q1jzbk1zq28w1d6ab4p5p0','{"name": {"from": null, "to": "chat echo-2"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'7CDE6B15B3728EBA3E131202C3F732E87338EEA8FB32320E5549701C5341A450',NULL);
INSERT INTO "audit_entries" VALUES(6,1796069752309491,1,'master-key','127.0.0.1','key','key_2','req_01m8q1jzfg1zq28w1d6ab4p5p1','{"providerId": {"from": null, "to": 2}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'01C24C17088EDA07F1B14F6B6573D15AD810963D1C3611AB4FBE26116DC5361C',NULL);
INSERT INTO "audit_entries" VALUES(7,1796069752489561,1,'master-key','127.0.0.1','mapping','2','req_01m8q1jzn51zq28w1d6ab4p5p2','{"modelAlias": {"from": null, "to": "chat"}, "providerId": {"from": null, "to": 2}, "actualModelName": {"from": null, "to": "echo-2"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'57DEA77EC46872C4D66BC5A7BB4B196DE1D868118D84D42F6BA9BEA4AA56EEB0',NULL);
INSERT INTO "audit_entries" VALUES(8,1796069752655848,1,'master-key','127.0.0.1','key','key_3','req_01m8q1jzsk1zq28w1d6ab4p5p3','{"providerId": {"from": null, "to": 1}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": "production"}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'721C6270124AF9C67F9B42E83946009865986707CBC0B6C7324B55E746E904BC',NULL);
INSERT INTO "audit_entries" VALUES(9,1796069752904025,1,'master-key','127.0.0.1','fallback_chain','1','req_01m8q1k01d1zq28w1d6ab4p5p4','{"modelAlias": {"from": null, "to": "chat"}, "providers": {"from": null, "to": [{"providerId": 1, "priority": 0, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}, {"providerId": 2, "priority": 1, "timeout": null, "actualModelName": "", "conditions": [], "timeouts": null, "retries": []}]}, "isEnabled": {"from": null, "to": true}, "strategy": {"from": null, "to": "RoundRobin"}, "affinity": {"from": null, "to": "None"}, "retries": {"from": null, "to": []}, "guardrails": {"from": null, "to": [{"name": "no keys", "action": "Block", "stage": "Both", "patterns": [], "detectors": ["Secret"]}]}}',X'63E053322A592BA4EA1A1B1FE04EDBA1C8F9F1E23C88AC50D8D153CEFA1D385A',NULL);
INSERT INTO "audit_entries" VALUES(10,1796069754161999,1,'master-key','127.0.0.1','model_cost','1','req_01m8q1k19d1zq28w1d6ab4p5p5','{"providerId": {"from": null, "to": 1}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'5A38889D6A76E419501E0066C663E01F60FA7D95FD5C85867FB64C91FC2DC1E1','8ba839d3c699d4199b8885c1b709c8b1');
INSERT INTO "audit_entries" VALUES(11,1796069754377104,1,'master-key','127.0.0.1','model_cost','2','req_01m8q1k1g71zq28w1d6ab4p5p6','{"providerId": {"from": null, "to": 2}, "modelPattern": {"from": null, "to": "*"}, "inputCostPer1kTokens": {"from": null, "to": 0}, "outputCostPer1kTokens": {"from": null, "to": 10}, "costCalculationType": {"from": null, "to": "TokenBased"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": []}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 0}}',X'BBBA4363ED193C1A32A184C5997C53E881385A03CA120A51765BD8A61B4A9A79','ad6c665f49e6c7a7a796a810ec9e44fe');
INSERT INTO "audit_entries" VALUES(12,1796069754621158,1,'master-key','127.0.0.1','model_cost','3','req_01m8q1k1p21zq28w1d6ab4p5p7','{"providerId": {"from": null, "to": 0}, "modelPattern": {"from": null, "to": "long-*"}, "inputCostPer1kTokens": {"from": null, "to": 0.01}, "outputCostPer1kTokens": {"from": null, "to": 0.03}, "costCalculationType": {"from": null, "to": "Tiered"}, "unitCosts": {"from": null, "to": []}, "tiers": {"from": null, "to": [{"aboveInputTokens": 200000, "inputCostPer1kTokens": 0.02, "unitCosts": []}]}, "conditions": {"from": null, "to": []}, "priority": {"from": null, "to": 3}}',X'133E5A3E540D84457CBC98BA1873FEA0C7F8BD6F9A381CCEA2E64E55B547C126','d8e4592267964b2dc69aec2ea2fd34e9');
INSERT INTO "audit_entries" VALUES(13,1796069754897868,1,'master-key','127.0.0.1','provider','3','req_01m8q1k20b1zq28w1d6ab4p5p8','{"name": {"from": null, "to": "unpriced echo"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'B44D7AC624E01BF36B96339F79C268D82157E5839B99FAA464C18FDADC590BA4',NULL);
INSERT INTO "audit_entries" VALUES(14,1796069755142583,1,'master-key','127.0.0.1','key','key_4','req_01m8q1k27w1zq28w1d6ab4p5p9','{"providerId": {"from": null, "to": 3}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'1E939CF04F3613F74E5C3A110FEAC5B7B27B1BA449C452524EEB9593837676ED',NULL);
INSERT INTO "audit_entries" VALUES(15,1796069755220078,1,'master-key','127.0.0.1','mapping','3','req_01m8q1k2aj1zq28w1d6ab4p5pa','{"modelAlias": {"from": null, "to": "unpriced"}, "providerId": {"from": null, "to": 3}, "actualModelName": {"from": null, "to": "echo"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'3BC312AC171AB49CF8021B90DABFE4F2358CFF599FC620171086674F7E1163E2',NULL);
INSERT INTO "audit_entries" VALUES(16,1796069755317162,1,'master-key','127.0.0.1','provider','4','req_01m8q1k2dj1zq28w1d6ab4p5pb','{"name": {"from": null, "to": "voice speech"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'C553770A6C01961BFA5B2CEBFC45A06FE9C42B11202767FB416758FD47403844',NULL);
INSERT INTO "audit_entries" VALUES(17,1796069755508682,1,'master-key','127.0.0.1','key','key_5','req_01m8q1k2kk1zq28w1d6ab4p5pc','{"providerId": {"from": null, "to": 4}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'40240B3A5026D21446C47A59F4A054AC1E36C36A231DDE1D8DABBD4923595ED1',NULL);
INSERT INTO "audit_entries" VALUES(18,1796069755615872,1,'master-key','127.0.0.1','mapping','4','req_01m8q1k2py1zq28w1d6ab4p5pd','{"modelAlias": {"from": null, "to": "voice"}, "providerId": {"from": null, "to": 4}, "actualModelName": {"from": null, "to": "speech"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'AC935508A4EC991ECCED0BF5C6E6731D2F5A72EABAF437D9BDFA7BBB6F991B21',NULL);
INSERT INTO "audit_entries" VALUES(19,1796069755691643,1,'master-key','127.0.0.1','provider','5','req_01m8q1k2s91zq28w1d6ab4p5pe','{"name": {"from": null, "to": "picture image"}, "providerType": {"from": null, "to": "Simulator"}, "isEnabled": {"from": null, "to": true}, "description": {"from": null, "to": ""}, "baseUrl": {"from": null, "to": ""}, "settings": {"from": null, "to": {}}, "weight": {"from": null, "to": 1}, "priority": {"from": null, "to": 1}, "enableModelDiscovery": {"from": null, "to": false}, "discoveryIntervalHours": {"from": null, "to": 24}, "security": {"from": null, "to": {"allowedIPs": [], "requireMTLS": false, "keyRotationDays": 0, "auditLevel": "Basic"}}}',X'3FD4F72B13B74D52424E833CE0FEE2C73459E7E16758066CF20D8AECE30A84A5',NULL);
INSERT INTO "audit_entries" VALUES(20,1796069755813283,1,'master-key','127.0.0.1','key','key_6','req_01m8q1k2x31zq28w1d6ab4p5pf','{"providerId": {"from": null, "to": 5}, "name": {"from": null, "to": ""}, "maskedApiKey": {"from": null, "to": "\u2026"}, "providerAccountGroup": {"from": null, "to": ""}, "isEnabled": {"from": null, "to": true}, "baseUrl": {"from": null, "to": ""}, "organization": {"from": null, "to": ""}, "project": {"from": null, "to": ""}}',X'B4FCA17A0EEA88066DFBD02486C4F101C05D811AC93E1DFD9DBFA68AD7240550',NULL);
INSERT INTO "audit_entries" VALUES(21,1796069756188943,1,'master-key','127.0.0.1','mapping','5','req_01m8q1k3741zq28w1d6ab4p5pg','{"modelAlias": {"from": null, "to": "picture"}, "providerId": {"from": null, "to": 5}, "actualModelName": {"from": null, "to": "image"}, "isEnabled": {"from": null, "to": true}, "capabilities": {"from": null, "to": []}, "strictParameters": {"from": null, "to": false}}',X'6D7E3B0431B339A8091AB631C6173435B13FD035468BA1DF2B54B938B616F8BC',NULL);
INSERT INTO "audit_entries" VALUES(22,1796069756631861,1,'master-key','127.0.0.1','administrator','1','req_01m8q1k3pp1zq28w1d6ab4p5pj','{"name": {"from": null, "to": "anna"}, "role": {"from": null, "to": "Auditor"}, "tokenPrefix": {"from": null, "to": "condt_admin_Bm2g37"}, "isEnabled": {"from": null, "to": true}}',X'A7F25A85B8A4E50BB77D3F6782F432990E2BB05DEFA5B46A1D1DD5CBC569F5FD',NULL);
INSERT INTO "audit_entries" VALUES(23,1796069756518631,1,'master-key','127.0.0.1','webhook','1','req_01m8q1k3k01zq28w1d6ab4p5ph','{"url": {"from": null, "to": "https://example.com/\u2026"}, "description": {"from": null, "to": ""}, "kinds": {"from": null, "to": []}, "isEnabled": {"from": null, "to": false}, "encryptionKeyId": {"from": null, "to": "9bf07856bc5ae4a2"}}',X'BC543980E65CDD17F4A6058FA9A32229DEF50F9452481A9D4734F143FA9DC1AB','7a1aa57595c418b2a4b483f3e6d23474');
INSERT INTO "audit_entries" VALUES(24,1796069756742509,1,'master-key','127.0.0.1','virtual_key_group','1','req_01m8q1k3t51zq28w1d6ab4p5pk','{"name": {"from": null, "to": "team"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 500, "period": "Total", "isHard": true, "timeZone": "", "rollingHours": 0}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": false}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'5010CC8B0F84530B82394C45F595D2E0C9821483D68B8C79255153E7991D2935',NULL);
INSERT INTO "audit_entries" VALUES(25,1796069756910513,1,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q1k3zd1zq28w1d6ab4p5pm','{"name": {"from": null, "to": "prepaid"}, "isEnabled": {"from": null, "to": true}, "coversAll": {"from": null, "to": false}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "isPrepaid": {"from": null, "to": true}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'C9295A810B8B764AEBB48F52E65DED14FD190EAD6670BD5A041504188E445DF5',NULL);
INSERT INTO "audit_entries" VALUES(26,1796069757071782,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q1k44e1zq28w1d6ab4p5pn','{"prepaid": {"kind": "top_up", "amountUsd": "2.00", "id": "first"}}',X'AC17CCFAECF05D565B69DD9F2D9F8778615511FFCB1BA31D70F12478B3D1C2A6','8f8ec4cdcdf3987af9f8ac8896d0fb70');
INSERT INTO "audit_entries" VALUES(27,1796069757234483,1,'master-key','127.0.0.1','virtual_key','2','req_01m8q1k49g1zq28w1d6ab4p5pq','{"name": {"from": null, "to": "limited"}, "keyPrefix": {"from": null, "to": "condt_rmX5gs"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": [{"limitUsd": 5, "period": "Day", "isHard": false, "timeZone": "", "rollingHours": 0}, {"limitUsd": 9, "period": "Month", "isHard": true, "timeZone": "Europe/Berlin", "rollingHours": 0}, {"limitUsd": 100, "period": "Total", "isHard": true, "timeZone": "", "rollingHours": 0}, {"limitUsd": 70, "period": "Rolling", "isHard": true, "timeZone": "", "rollingHours": 24}]}, "limits": {"from": null, "to": {"requestsPerMinute": 1000, "tokensPerMinute": 1000000, "concurrentRequests": 50}}, "tags": {"from": null, "to": ["a=b"]}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 1}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'99429A5932A782F5E3BFFF30BB804BD8DB7F83E8E8DC7DA445401DA2875ED293',NULL);
INSERT INTO "audit_entries" VALUES(28,1796069757177338,2,'master-key','127.0.0.1','virtual_key_group','2','req_01m8q1k47q1zq28w1d6ab4p5pp','{"prepaid": {"kind": "adjustment", "amountUsd": "-0.04", "id": "gone", "reason": "paid twice"}}',X'D5A41F0D6176EB5BFF5101CFD6ECB1771E76772A00C5F3282F183CB5CE5767B2','074d2d194dbdcfb6b317e431cefb3674');
INSERT INTO "audit_entries" VALUES(29,1796069757335559,1,'master-key','127.0.0.1','virtual_key','3','req_01m8q1k4cn1zq28w1d6ab4p5pr','{"name": {"from": null, "to": "spent"}, "keyPrefix": {"from": null, "to": "condt_89--Vg"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": ["ch*"]}, "budget": {"from": null, "to": 0.04}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {"of": "0"}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'9C16C1EAA0204B13D4076D8A69C4642D012FF3D31B1622401383A71EAD649D99',NULL);
INSERT INTO "audit_entries" VALUES(30,1796069757419514,1,'master-key','127.0.0.1','virtual_key','4','req_01m8q1k4f91zq28w1d6ab4p5ps','{"name": {"from": null, "to": "prepaid"}, "keyPrefix": {"from": null, "to": "condt__-z81I"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "maxAttempts": {"from": null, "to": 2}, "timeout": {"from": null, "to": "30s"}, "budgets": {"from": null, "to": []}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "groupId": {"from": null, "to": 2}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'1B68FC08D1FEC31ACE9388095F6152A4A5A5EE590E4B25BB74BB4844AA0895A7',NULL);
INSERT INTO "audit_entries" VALUES(31,1796069757494202,1,'master-key','127.0.0.1','virtual_key','5','req_01m8q1k4hm1zq28w1d6ab4p5pt','{"name": {"from": null, "to": "rotated"}, "keyPrefix": {"from": null, "to": "condt_R08J1W"}, "isEnabled": {"from": null, "to": true}, "allowedModels": {"from": null, "to": []}, "budgets": {"from": null, "to": []}, "security": {"from": null, "to": {"allowedIPs": ["127.0.0.0/8"], "requireMTLS": false, "clientCertificates": []}}, "tags": {"from": null, "to": []}, "metadata": {"from": null, "to": {}}, "allowedProviders": {"from": null, "to": []}, "refuseUnpriced": {"from": null, "to": false}, "guardrails": {"from": null, "to": []}}',X'9919EB3274B2406FC4F1CED0A71EBAE674E9040B630802B805FB36D117BBBE86',NULL);
INSERT INTO "audit_entries" VALUES(32,1796069757671939,4,'master-key','127.0.0.1','virtual_key','5','req_01m8q1k4q61zq28w1d6ab4p5pv','{"keyPrefix": {"from": "condt_R08J1W", "to": "condt_QU_2fd"}, "rotatedAt": {"from": null, "to": "2026-11-30T20:15:57.671939Z"}, "formerKeyUntil": {"from": null, "to": "2026-12-01T20:15:57.671939Z"}}',X'FF06D77D53C2CD778FD568E7A6C9FBAA69509D7E6FD2D604A74B9F61079ECC66',NULL);
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
INSERT INTO "changes" VALUES(12,'[]');
INSERT INTO "changes" VALUES(13,'[["provider", 3]]');
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
INSERT INTO "fallback_chains" VALUES(1,1796069752904025,1796069752904025,'chat',1,2,1,NULL,'[]',NULL,NULL,NULL,'[{"name": "no keys", "action": 1, "stage": 3, "patterns": [], "detectors": [1], "max_characters": null}]');
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
INSERT INTO "key_credentials" VALUES(1,1796069751916427,1796069751916427,1,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'831134BC06F051FC4E8BA0F4CC06EE255E5F0B62F8DFFC7FA789E3B668AC4B5F95DAFAEDCEC05D52318CB88FDC9F8B223F743DDAB6A140990A8AEEF1',X'82EAFFFD77F3FE831390721D4FC7B6B1B9FDF49210A3CEC6822D9737E0EA5CD11A67',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(2,1796069752309491,1796069752309491,2,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'0F7845790F1B3A5B025CAAA87FAC9875C8F58F48BE593FB97F2771C3A70DB2F777E969C65EC0E7FC183EFC48022F793E175582A2C93FEC3009EBB034',X'48B426FC59C540534E23340E20188BFA8845C115104BC9586CB5F0FD3D238C3B289F',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(3,1796069752655848,1796069752655848,1,'','…','production','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'2CEDFF9454412A61C5FCE3110D94F21FCB3659A0D44C2DB893B9550CDD03A1D471BE8FB972FB03DCCA2102B4C58F3EE066C69E002CD4231ECE61170A',X'0C828A220067B6467705989EA480F92A20303576B34B351C5BC1A41CFFA40E8F11AA',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(4,1796069755142583,1796069755142583,3,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'3CFC03A16448A93B1074A7626807C0E55B36F2C6217F992F5B54B0E4A221B054588BF52C73CF89A2D2758672CF36175F7C394D3C349E3A56BDD7A975',X'50DA3E4F140D7776AF6658C8E33A8DBFA88F26632CA150CD2B7B21002BA963ECB057',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(5,1796069755508682,1796069755508682,4,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'8E46CC2C8BB4B0BE58F294EB785BC81424F0C8C21EFE58AD79EC0FB10501ECA5CE1277B2621F4224B58C1E68DEAB9288266DD91EE257A67774416151',X'1030A31279366DD37652E1DB262C4846C72EAB9DAC2D6F1376D3E75C350232BD95CD',NULL,'Simulator');
INSERT INTO "key_credentials" VALUES(6,1796069755813283,1796069755813283,5,'','…','','','','','9bf07856bc5ae4a2',1,NULL,NULL,X'6941388D35A7FBDFC4F1D46FB7F8E19DC576C303BCB7DD070498DDEF50DF7D8521D0B09A2D376CAC49E5CCEF1E8EFDBF51E5BA81E7F7838982072F05',X'DC0AB839F2FE4191DE8262075699508568AC5663D4442FF73AA97999E4DB0215BF8D',NULL,'Simulator');
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
INSERT INTO "model_mappings" VALUES(1,1796069752016225,1796069752016225,1,'chat','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(2,1796069752489561,1796069752489561,2,'chat','echo-2',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(3,1796069755220078,1796069755220078,3,'unpriced','echo',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(4,1796069755615872,1796069755615872,4,'voice','speech',1,0,'[]',NULL,NULL,'{}');
INSERT INTO "model_mappings" VALUES(5,1796069756188943,1796069756188943,5,'picture','image',1,0,'[]',NULL,NULL,'{}');
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
INSERT INTO "providers" VALUES(1,1796069751707861,1796069751707861,'chat echo','chat echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(2,1796069752181380,1796069752181380,'chat echo-2','chat echo-2','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(3,1796069754897868,1796069754897868,'unpriced echo','unpriced echo','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(4,1796069755317162,1796069755317162,'voice speech','voice speech','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
INSERT INTO "providers" VALUES(5,1796069755691643,1796069755691643,'picture image','picture image','Simulator','','',1,1,24,0,1,1,0,0,'{}','[]','{}');
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
INSERT INTO "registry_state" VALUES(1,'01m8q1jwmg53rm0r4adh533c4a',32);
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
INSERT INTO "virtual_key_groups" VALUES(1,1796069756742509,1796069756742509,'team','team',1,0,'[]','[{"limit_nano_usd": 500000000000, "period": 4, "is_hard": true, "time_zone": "", "rolling_hours": 0}]','{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','[]','{}',0,0,'[]');
INSERT INTO "virtual_key_groups" VALUES(2,1796069756910513,1796069756910513,'prepaid','prepaid',1,0,'[]','[]','{}','[]','{}',0,1,'[]');
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
INSERT INTO "virtual_keys" VALUES(1,1796069751519188,1796069751519188,'tests','tests','condt_yBDMRr',1,'[]',X'47179BCF2377511CC76BE13F091B805E8132EB573FA3B583154C3D2765FFD1B2',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',NULL,0,'[]');
INSERT INTO "virtual_keys" VALUES(2,1796069757234483,1796069757234483,'limited','limited','condt_rmX5gs',1,'[]',X'73256E6281D2713BFD9A6B2D0365B07EF82247686A89E6B267B2EA480C3007AD',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]',0,'[{"limit_nano_usd": 5000000000, "period": 1, "is_hard": false, "time_zone": "", "rolling_hours": 0}, {"limit_nano_usd": 9000000000, "period": 3, "is_hard": true, "time_zone": "Europe/Berlin", "rolling_hours": 0}, {"limit_nano_usd": 100000000000, "period": 4, "is_hard": true, "time_zone": "", "rolling_hours": 0}, {"limit_nano_usd": 70000000000, "period": 5, "is_hard": true, "time_zone": "", "rolling_hours": 24}]',NULL,NULL,NULL,NULL,'{"requests_per_minute": 1000, "tokens_per_minute": 1000000, "concurrent_requests": 50}','["a=b"]','{}','[]',1,0,'[]');
INSERT INTO "virtual_keys" VALUES(3,1796069757335559,1796069757335559,'spent','spent','condt_89--Vg',1,'["ch*"]',X'D12C93D94B8473D1790D7DFC4A8EAE909C1BF49C0CD6169A98A4984F677D1C81',NULL,40000000,NULL,NULL,NULL,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{"of": "0"}','[]',NULL,0,'[]');
INSERT INTO "virtual_keys" VALUES(4,1796069757419514,1796069757419514,'prepaid','prepaid','condt__-z81I',1,'[]',X'06C2C9A7D34D82EB5A604885DB981766A9F3FAB0B3BEA9037B7E8D5CE4447123',NULL,NULL,NULL,2,30000000,NULL,'[]','[]',0,'[]',NULL,NULL,NULL,NULL,'{}','[]','{}','[]',2,0,'[]');
INSERT INTO "virtual_keys" VALUES(5,1796069757494202,1796069757671939,'rotated','rotated','condt_QU_2fd',1,'[]',X'9B25F439C2C3E922B27828607E81EC05F7867EBD812D19DAD392868E18ADE2F1',NULL,NULL,NULL,NULL,NULL,NULL,'["127.0.0.0/8"]','[]',0,'[]',NULL,1796069757671939,X'88041AF665C16F3394E303B22444D7454FC38B9A03273A214B3B8BC411FF96FC',1796156157671939,'{}','[]','{}','[]',NULL,0,'[]');
CREATE INDEX ix_providers_provider_type ON providers (provider_type);
CREATE INDEX ix_key_credentials_provider_id ON key_credentials (provider_id);
CREATE INDEX ix_key_credentials_encryption_key_id ON key_credentials (encryption_key_id);
CREATE INDEX ix_model_mappings_provider_id ON model_mappings (provider_id);
CREATE INDEX ix_fallback_chain_steps_provider_id ON fallback_chain_steps (provider_id);
CREATE INDEX ix_audit_entries_resource ON audit_entries (resource_kind, resource_id);
CREATE INDEX ix_audit_entries_occurred_at ON audit_entries (occurred_at);
CREATE INDEX ix_virtual_keys_group_id ON virtual_keys (group_id);
COMMIT;
