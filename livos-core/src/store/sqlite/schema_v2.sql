CREATE INDEX sessions_by_activity ON sessions (updated_at, id);

-- Runs that have not ended. `place` is the order of admission over all sessions, `rank` that within one.
-- `ready` is first in its session with nobody on it, `held` is claimed, `waiting` is behind another.
CREATE TABLE queue (
    place INTEGER PRIMARY KEY,
    run_id BLOB NOT NULL UNIQUE,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    rank INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    token INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    worker TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    origin TEXT NOT NULL
);
CREATE INDEX queue_by_session ON queue (session_id);
CREATE INDEX queue_ready ON queue (place) WHERE state = 'ready';
CREATE INDEX queue_held ON queue (expires_at) WHERE state = 'held';

-- Where the reply of a queued run is owed.
CREATE TABLE reply_addresses (
    run_id BLOB NOT NULL REFERENCES queue (run_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (run_id, kind, address)
) WITHOUT ROWID;

-- Messages that wait to join a queued run.
CREATE TABLE pending_inputs (
    arrival INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    run_id BLOB NOT NULL REFERENCES queue (run_id) ON DELETE CASCADE,
    input TEXT NOT NULL
);
CREATE INDEX pending_inputs_by_run ON pending_inputs (run_id, arrival);

-- Without reference to their session: a source that repeats itself later is still known.
CREATE TABLE idempotency_keys (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (at);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('place', 0), ('token', 0);

-- The columns say where it stands, the record what it is.
CREATE TABLE deliveries (
    id BLOB PRIMARY KEY,
    run_id BLOB NOT NULL,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    token INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (next_at) WHERE state IN ('due', 'in_flight');
CREATE INDEX deliveries_by_state ON deliveries (state, id);
CREATE INDEX deliveries_by_session ON deliveries (session_id, id);
CREATE INDEX deliveries_by_run ON deliveries (run_id, id);

-- Without reference to their session: what was spent stays spent.
CREATE TABLE usage (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    purpose TEXT NOT NULL,
    status TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_micro_usd INTEGER,
    time_to_first_token_ms INTEGER,
    duration_ms INTEGER NOT NULL,
    run_id BLOB,
    session_id BLOB,
    user TEXT NOT NULL,
    channel TEXT NOT NULL
);
CREATE INDEX usage_by_time ON usage (at, cost_micro_usd);
CREATE INDEX usage_by_session ON usage (session_id, at);
CREATE INDEX usage_by_user ON usage (user, at);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;

-- What can be searched: messages, and titles as number 0. The texts themselves are in the journal;
-- what is indexed are their words, so the categories are all that a letter or digit of Rust can have.
CREATE TABLE said (
    id INTEGER PRIMARY KEY,
    session_id BLOB NOT NULL,
    seq INTEGER NOT NULL
);
CREATE UNIQUE INDEX said_by_session ON said (session_id, seq);
CREATE VIRTUAL TABLE said_text USING fts5 (
    text,
    content = '',
    contentless_delete = 1,
    detail = 'none',
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc So'"
);
