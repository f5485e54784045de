BEGIN TRANSACTION;
CREATE TABLE alembic_version_health (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_health_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version_health" VALUES('v0006');
CREATE TABLE health_audit_outbox (
	position INTEGER NOT NULL, 
	record BLOB NOT NULL, 
	PRIMARY KEY (position)
);
CREATE TABLE health_moments (
	id INTEGER NOT NULL, 
	provider_id BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	status SMALLINT NOT NULL, 
	response_time_ms BIGINT, 
	error TEXT NOT NULL, 
	is_probe BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "reminders" (
	subject TEXT NOT NULL, 
	due_at BIGINT NOT NULL, 
	days_left INTEGER NOT NULL, 
	PRIMARY KEY (subject, due_at, days_left)
);
CREATE TABLE webhook_deliveries (
	id INTEGER NOT NULL, 
	webhook_id BIGINT NOT NULL, 
	notification_id BIGINT NOT NULL, 
	kind SMALLINT NOT NULL, 
	body BLOB NOT NULL, 
	status SMALLINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	http_status INTEGER NOT NULL, 
	error TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	attempted_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE "webhooks" (
	id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	description TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	is_enabled BOOLEAN NOT NULL, 
	secret BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "webhooks" VALUES(1,'https://example.com/hook','','',0,X'0A1039626630373835366263356165346132123CFA4A00BE80F450344219EA46F45315A1D8CCED0AEDFB04C37727E6F03154CF267C66D368CBCF569F62F771701BB1677A4D1660187A77D1FBDE692EB11A42827192BCB889C3C02E8450D167C133E1E0444A363B24FC7A115D7388A14AAD9D6F7623B4DB0B64941A2714221897DCCE1E22EE13122A89E12A6DF9FEE6D7BB07013E',1796071712467,1796071712467);
CREATE INDEX ix_health_moments_at ON health_moments (at);
CREATE INDEX ix_health_moments_provider ON health_moments (provider_id, at);
CREATE INDEX ix_webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (status, due_at);
COMMIT;
