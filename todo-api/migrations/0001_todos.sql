-- The constraints repeat what the service checks: a second line of defence against every other writer.
CREATE TABLE todos (
    id           uuid        PRIMARY KEY,
    title        text        NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    notes        text        CHECK (char_length(notes) <= 10000),
    due_at       timestamptz,
    completed_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    version      bigint      NOT NULL DEFAULT 1 CHECK (version >= 1)
);

-- The order of the list (newest first, the id breaks ties), for each value of the state filter.
CREATE INDEX todos_newest_first ON todos (created_at DESC, id DESC);
CREATE INDEX todos_open_newest_first ON todos (created_at DESC, id DESC) WHERE completed_at IS NULL;
CREATE INDEX todos_completed_newest_first ON todos (created_at DESC, id DESC) WHERE completed_at IS NOT NULL;
