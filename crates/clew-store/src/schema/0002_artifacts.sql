-- Values saved under a name. A version is never changed.
CREATE TABLE artifacts (
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,             -- from 1
    run         TEXT REFERENCES runs (id) ON DELETE CASCADE,
    unit        INTEGER,                      -- the statement that saved it, numbered as in the trace
    line        INTEGER,
    fingerprint TEXT,
    type        TEXT NOT NULL,
    summary     TEXT NOT NULL,
    object      TEXT,                         -- the serialised value, if it could be serialised
    created     TEXT NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifacts_by_run ON artifacts (run);
