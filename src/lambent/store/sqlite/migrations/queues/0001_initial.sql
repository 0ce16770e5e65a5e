-- due: when the message is or becomes visible, in epoch seconds; while leased, when the lease ends.
-- receipt: the present lease, NULL when nobody holds it. A lease that ran out keeps its receipt until the next one.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    enqueued_at REAL NOT NULL,
    receipt TEXT,
    body BLOB NOT NULL
);

CREATE INDEX messages_by_visibility ON messages (queue, due);
