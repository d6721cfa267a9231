-- A study's database: what is compared, who rated, and the answers. Times are seconds since 1970.
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE item (
    number INTEGER PRIMARY KEY,
    is_check INTEGER NOT NULL,
    clip_id TEXT NOT NULL,
    film TEXT NOT NULL,
    first TEXT NOT NULL,
    second TEXT NOT NULL,
    first_media TEXT NOT NULL,
    second_media TEXT NOT NULL
);
CREATE TABLE rater (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice
    token_hash TEXT NOT NULL UNIQUE,  -- the link itself is not kept
    tones INTEGER NOT NULL,  -- in the sound check
    sound_heard INTEGER NOT NULL DEFAULT 0,
    started_at REAL  -- NULL: invited, and has not come yet
);
CREATE TABLE trial (
    id INTEGER PRIMARY KEY,
    rater INTEGER NOT NULL REFERENCES rater (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    item INTEGER NOT NULL REFERENCES item (number),
    first_left INTEGER NOT NULL,
    shown_at REAL,
    answered_at REAL,
    UNIQUE (rater, position)
);
CREATE TABLE answer (
    trial INTEGER NOT NULL REFERENCES trial (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'neither', 'right')),
    PRIMARY KEY (trial, question)
) WITHOUT ROWID;
PRAGMA user_version = 1;
