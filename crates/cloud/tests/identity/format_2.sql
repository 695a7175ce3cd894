-- A data folder's database as version 0.1.0 left it: accounts, access keys and sessions in tables of their own.
PRAGMA journal_mode = WAL;
CREATE TABLE record (account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    arn TEXT NOT NULL, status TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, body TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (account, region, kind, name));
CREATE INDEX record_by_status ON record (kind, status) WHERE status <> '';
CREATE INDEX record_by_created ON record (account, region, kind, created,
    CASE WHEN instr(name, '/') > 0
    THEN substr(name, 1, instr(name, '/')) || printf('%09d', substr(name, instr(name, '/') + 1)) ELSE name END);
INSERT INTO record VALUES('000000000000','','user','sagewright','arn:aws:iam::000000000000:user/sagewright','',
    1795653242048,1795653242048,'{"Path":"/","UserId":"AIDAQG6YSATOZ4NBSKUYJ"}',1);
INSERT INTO record VALUES('000000000000','','user','ann','arn:aws:iam::000000000000:user/ann','',
    1795653243079,1795653243079,'{"Path":"/","UserId":"AIDACBLHBBUWGHLTXZYHC"}',1);
INSERT INTO record VALUES('000000000000','','role','sagewright-execution',
    'arn:aws:iam::000000000000:role/sagewright-execution','',1795653242048,1795653242048,
    '{"Path":"/","RoleId":"AROADAQ7LM2MBFTPYAIEA","MaxSessionDuration":3600,"AssumeRolePolicyDocument":"{}"}',1);
INSERT INTO record VALUES('000000000000','','role','deploy','arn:aws:iam::000000000000:role/deploy','',
    1795653243050,1795653243050,'{"Path":"/","RoleId":"AROAPCIW2L3XFBAMINBIS","MaxSessionDuration":3600,
    "AssumeRolePolicyDocument":"{}"}',1);
CREATE TABLE tag (arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)) WITHOUT ROWID;
CREATE TABLE event (number INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, region TEXT NOT NULL,
    kind TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE timer (id TEXT PRIMARY KEY, due INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX timer_by_due ON timer (due);
CREATE TABLE account (id TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO account VALUES('000000000000',1795653242048);
CREATE TABLE access_key (id TEXT PRIMARY KEY, secret TEXT NOT NULL, account TEXT NOT NULL, user TEXT NOT NULL,
    active INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX access_key_by_user ON access_key (account, user);
INSERT INTO access_key VALUES('AKIAANN00000000000ON','ann-on','000000000000','ann',1,1795653243100);
INSERT INTO access_key VALUES('AKIAANN0000000000OFF','ann-off','000000000000','ann',0,1795653243103);
INSERT INTO access_key VALUES('AKIASAGEWRIGHT000000','own','000000000000','sagewright',1,1795653242048);
INSERT INTO access_key VALUES('AKIAGONE000000000000','gone','000000000000','bob',1,1795653242048);
CREATE TABLE session (id TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, account TEXT NOT NULL,
    arn TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT, tags TEXT NOT NULL, source TEXT, expires INTEGER NOT NULL,
    further TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
INSERT INTO session VALUES('ASIAOFROLE0000000000','secret','token','000000000000',
    'arn:aws:sts::000000000000:assumed-role/deploy/s-1','AROAPCIW2L3XFBAMINBIS:s-1',
    'arn:aws:iam::000000000000:role/deploy','[["team","red"]]',NULL,4102444800000,
    '{"transitive":["team"],"policy":null,"policy_arns":[]}');
INSERT INTO session VALUES('ASIAOFUSER0000000000','secret','token','000000000000',
    'arn:aws:iam::000000000000:user/ann','AIDACBLHBBUWGHLTXZYHC',NULL,'[]','who',4102444800000,'{}');
PRAGMA user_version = 2;
