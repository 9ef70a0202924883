-- What is remembered. The user is part of the key, so that no query can leave it out.
CREATE TABLE facts (
    user TEXT NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    is_current INTEGER NOT NULL,
    record TEXT NOT NULL,
    embedding_model TEXT,
    embedding BLOB,
    recalled_at INTEGER,
    recalls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user, id)
);
CREATE UNIQUE INDEX facts_by_key ON facts (user, key) WHERE is_current;
CREATE INDEX facts_by_revision ON facts (user, revision);
CREATE INDEX facts_current ON facts (user, id) WHERE is_current;

-- The ids of facts that were removed, and nothing else of them.
CREATE TABLE forgotten_facts (
    user TEXT NOT NULL,
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (user, revision, id)
) WITHOUT ROWID;

CREATE TABLE fact_revisions (
    user TEXT PRIMARY KEY,
    revision INTEGER NOT NULL
) WITHOUT ROWID;
