-- Runs, and the sources and logs of each. Times are UTC, ISO 8601. Objects are named by their hash.
CREATE TABLE runs (
    id             TEXT PRIMARY KEY,
    script         TEXT NOT NULL,             -- as the user gave it
    argv           TEXT NOT NULL,             -- JSON list; secrets masked
    cwd            TEXT NOT NULL,
    interpreter    TEXT NOT NULL,             -- path of the executable
    python_version TEXT NOT NULL,
    clew_version   TEXT NOT NULL,
    packages       TEXT NOT NULL DEFAULT '{}',-- JSON object: distribution to version
    detail         TEXT NOT NULL,             -- statement, call or op
    started        TEXT NOT NULL,
    ended          TEXT,
    exit_status    INTEGER,
    state          TEXT NOT NULL CHECK (state IN ('open', 'finished', 'interrupted')),
    note           TEXT,                      -- why it was interrupted, or what the recording lacks
    trace          TEXT,                      -- object: the statement-level record
    n_events       INTEGER NOT NULL DEFAULT 0,
    pid            INTEGER NOT NULL,
    host           TEXT NOT NULL,
    process        TEXT NOT NULL              -- tells the process from later ones with the same pid
) STRICT;

CREATE INDEX runs_by_start ON runs (started, id);
CREATE INDEX open_runs ON runs (state) WHERE state = 'open';

CREATE TABLE run_sources (
    run    TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    source INTEGER NOT NULL,                  -- 0 is the program
    path   TEXT NOT NULL,
    module TEXT NOT NULL,
    object TEXT NOT NULL,                     -- the text's bytes
    PRIMARY KEY (run, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_logs (
    run      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    segment  INTEGER NOT NULL,
    object   TEXT NOT NULL,
    n_events INTEGER NOT NULL,
    PRIMARY KEY (run, segment)
) STRICT, WITHOUT ROWID;
