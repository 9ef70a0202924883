-- The columns say where a schedule belongs and when it is due, the record what it is.
CREATE TABLE schedules (
    id BLOB PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user TEXT NOT NULL,
    status TEXT NOT NULL,
    next_at INTEGER,
    version INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_by_session ON schedules (session_id, id);
CREATE INDEX schedules_by_user ON schedules (user, id);

CREATE TABLE firings (
    schedule_id BLOB NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    slot INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (schedule_id, slot)
) WITHOUT ROWID;
