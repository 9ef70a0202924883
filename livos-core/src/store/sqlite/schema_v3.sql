-- What people are asked. The columns say where it stands, the record what it is.
CREATE TABLE approvals (
    id BLOB PRIMARY KEY,
    run_id BLOB NOT NULL,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX approvals_open ON approvals (run_id) WHERE state = 'pending';
CREATE INDEX approvals_by_state ON approvals (state, id);
CREATE INDEX approvals_by_session ON approvals (session_id, id);
CREATE INDEX approvals_by_run ON approvals (run_id, id);

CREATE TABLE approval_rules (
    id BLOB PRIMARY KEY,
    rule TEXT NOT NULL
) WITHOUT ROWID;

-- Without reference to their session: what was decided stays known.
CREATE TABLE approval_audit (
    id BLOB PRIMARY KEY,
    entry TEXT NOT NULL
) WITHOUT ROWID;
