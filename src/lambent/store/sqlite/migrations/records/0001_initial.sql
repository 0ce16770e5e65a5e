-- Keys compare as UTF-8 bytes, which is the order of code points.
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL
);

-- The last revision given out, in its one row. It outlives the records: a revision is never used twice.
CREATE TABLE revision (last INTEGER NOT NULL);
INSERT INTO revision VALUES (0);
