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
INSERT INTO "health_moments" VALUES(1,1,1796069758891,2,0,'',0);
INSERT INTO "health_moments" VALUES(2,3,1796069758099,2,0,'',0);
INSERT INTO "health_moments" VALUES(3,5,1796069758156,2,10,'',0);
INSERT INTO "health_moments" VALUES(4,4,1796069758464,2,2,'',0);
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
INSERT INTO "webhooks" VALUES(1,'https://example.com/hook','','',0,X'0A1039626630373835366263356165346132123C750D7CD5322BB5DA79D55802A804EFE33BF5580B2557A8F62B1C4FC1B32453F4789FF671671123B99D0BEBBD9C115F09147028D13EDA8F5578C0791B1A42ED5FC527AC86A6FC9AA674548BEF1A84E41B5B242E2AC284AD66D41B36A926AE4C3B280235A0B876A14111ACFA559AE32AC4A7CB3CE84630B851622E6286D8BFFA01',1796069756519,1796069756519);
CREATE INDEX ix_health_moments_at ON health_moments (at);
CREATE INDEX ix_health_moments_provider ON health_moments (provider_id, at);
CREATE INDEX ix_webhook_deliveries_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (status, due_at);
COMMIT;
