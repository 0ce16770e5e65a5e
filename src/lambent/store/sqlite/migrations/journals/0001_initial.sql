-- Times are epoch milliseconds. A journal's row sums up its chunks, so that a reader opens only those it needs.
CREATE TABLE journals (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    size INTEGER NOT NULL
);

-- What one journal was given in one batch (or a part of it: see packing.py), its entries in `packed`.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    journal INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    count INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    packed BLOB NOT NULL
);

CREATE INDEX chunks_by_start ON chunks (journal, first_at);
CREATE INDEX chunks_by_end ON chunks (journal, last_at);

-- The next sequence number to give out, in its one row. It outlives the entries.
CREATE TABLE sequence (next INTEGER NOT NULL);
INSERT INTO sequence VALUES (1);
