-- Who goes first where not all can go: the more urgent, then whose turn it is among the users.
-- A run whose lane is full is `parked` until there is room in it.
ALTER TABLE queue ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE queue ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
ALTER TABLE queue ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE queue ADD COLUMN lane TEXT;
ALTER TABLE queue ADD COLUMN width INTEGER;
ALTER TABLE queue ADD COLUMN parent BLOB;
UPDATE queue SET turn = place, user = coalesce(json_extract(origin, '$.user'), '');

DROP INDEX queue_ready;
CREATE INDEX queue_ready ON queue (priority, turn) WHERE state = 'ready';
CREATE INDEX queue_by_user ON queue (priority, user, turn);
CREATE INDEX queue_parked ON queue (lane, priority, turn) WHERE state = 'parked';
CREATE INDEX queue_going ON queue (lane) WHERE state = 'held';
CREATE INDEX queue_by_parent ON queue (parent) WHERE parent IS NOT NULL;

-- The turn that was taken last, of each priority.
CREATE TABLE turns (
    priority INTEGER PRIMARY KEY,
    taken INTEGER NOT NULL
);

-- What runs are listed by besides their session and state.
ALTER TABLE runs ADD COLUMN parent BLOB;
ALTER TABLE runs ADD COLUMN trigger TEXT NOT NULL DEFAULT 'message';
UPDATE runs SET trigger = coalesce(json_extract(record, '$.trigger'), 'message'),
    parent = unhex(replace(json_extract(record, '$.parent_run_id'), '-', ''));
CREATE INDEX runs_by_parent ON runs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX runs_by_trigger ON runs (trigger, id);

-- The session that started a session. It is deleted with it.
ALTER TABLE sessions ADD COLUMN parent BLOB;
CREATE INDEX sessions_by_parent ON sessions (parent, updated_at, id);
DROP INDEX sessions_by_activity;
