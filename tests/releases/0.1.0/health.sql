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
INSERT INTO "reminders" VALUES('budget virtual_key 3 total 40000000 100',253402300799,0);
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
INSERT INTO "webhooks" VALUES(1,'https://example.com/hook','','',0,X'0A1039626630373835366263356165346132123C75DFDA0A21EACB798C2F4AC0B4D139AC46F11953AF0C67E60AE0AA65025D8F2CADA10D21C6FA872E8ED5FD2B629067B716FA7B74254AF57D3CD8948A1A42C5C36A9ED2D029C39EF70E60DA7B670DE4D3688168ABAF9ABEEEBE1383A4BE6CFC51F7CF57957FE3C28046B99EEC5A766527385409BDD53E560C734E1FDF152FA372',1796065730152,1796065730152);
CREATE INDEX ix_health_moments_at ON health_moments (at);
CREATE INDEX ix_health_moments_provider ON health_moments (provider_id, at);
CREATE INDEX ix_webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (status, due_at);
COMMIT;
