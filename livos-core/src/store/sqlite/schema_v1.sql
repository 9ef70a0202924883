-- Ids are the 16 bytes of a UUIDv7, so that their order is the order of creation.
-- Times are microseconds since the Unix epoch.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    title TEXT,
    model TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE entries (
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    run_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (session_id, seq)
) WITHOUT ROWID;

CREATE TABLE runs (
    id BLOB PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX runs_by_session ON runs (session_id, id);
CREATE INDEX runs_by_state ON runs (state, id);
