-- How often facts were recalled, apart from them: a count must not write an embedding again.
CREATE TABLE fact_recalls (
    user TEXT NOT NULL,
    id BLOB NOT NULL,
    recalls INTEGER NOT NULL,
    recalled_at INTEGER NOT NULL,
    PRIMARY KEY (user, id)
) WITHOUT ROWID;
INSERT INTO fact_recalls (user, id, recalls, recalled_at)
    SELECT user, id, recalls, recalled_at FROM facts WHERE recalls > 0 AND recalled_at IS NOT NULL;
ALTER TABLE facts DROP COLUMN recalled_at;
ALTER TABLE facts DROP COLUMN recalls;
