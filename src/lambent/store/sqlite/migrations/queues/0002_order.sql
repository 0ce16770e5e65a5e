-- grp: messages of one group keep their order; empty for those without order.
-- sequence: what put_once answered with; 0 for other messages. The rows' own ids keep the order but may be used again.
ALTER TABLE messages ADD COLUMN grp TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN first_leased_at REAL;

-- Only of messages in order, so that others pay nothing for it; with all that decides which may be taken.
CREATE INDEX messages_in_order ON messages (queue, id, grp, due) WHERE grp <> '';

CREATE TABLE sequences (last INTEGER NOT NULL);
INSERT INTO sequences VALUES (0);

-- What put_once must not add a second time.
CREATE TABLE tokens (
    queue TEXT NOT NULL,
    token TEXT NOT NULL,
    until REAL NOT NULL,
    sequence INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (queue, token)
) WITHOUT ROWID;

CREATE INDEX tokens_by_end ON tokens (until);
