-- What is to be told to others, written by triggers in the transaction of the change itself: whoever writes takes part,
-- the release before this one during a rollout, too.
CREATE TABLE outbox (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
    todo_id         uuid        NOT NULL,
    kind            text        NOT NULL CHECK (
        kind IN ('todo.created', 'todo.changed', 'todo.removed', 'todo.restored', 'todo.due')
    ),
    todo            jsonb       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Given up: in nobody's way any more, kept for people to look at.
    dead_at         timestamptz,
    last_error      text
);
CREATE INDEX outbox_next_first ON outbox (next_attempt_at) WHERE dead_at IS NULL;
CREATE INDEX outbox_of_todo ON outbox (todo_id, id) WHERE dead_at IS NULL;

-- Which open todos are still to become due.
CREATE TABLE reminders (
    todo_id uuid        PRIMARY KEY,
    due_at  timestamptz NOT NULL
);
CREATE INDEX reminders_next_first ON reminders (due_at);
INSERT INTO reminders SELECT id, due_at FROM todos WHERE completed_at IS NULL AND due_at > now();

-- The row's lock, which the change holds, makes the order of a todo's events that of its changes.
CREATE FUNCTION note_todo() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    todo todos := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    -- What is new begins with version 1; what comes back goes on after the version that was removed.
    said text := CASE
        WHEN TG_OP = 'DELETE' THEN 'removed'
        WHEN TG_OP = 'UPDATE' THEN 'changed'
        WHEN NEW.version > 1 THEN 'restored'
        ELSE 'created'
    END;
BEGIN
    INSERT INTO outbox (todo_id, kind, todo) VALUES (todo.id, 'todo.' || said, to_jsonb(todo));
    IF TG_OP <> 'UPDATE' OR OLD.due_at IS DISTINCT FROM NEW.due_at
        OR (OLD.completed_at IS NULL) <> (NEW.completed_at IS NULL) THEN
        DELETE FROM reminders WHERE todo_id = todo.id;
        IF TG_OP <> 'DELETE' AND todo.due_at IS NOT NULL AND todo.completed_at IS NULL THEN
            INSERT INTO reminders VALUES (todo.id, todo.due_at);
        END IF;
    END IF;
    -- What nobody took for a week is dropped, a few at a time: there may be no worker at all.
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE created_at < now() - interval '7 days'
        ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER note_todo AFTER INSERT OR UPDATE OR DELETE ON todos FOR EACH ROW EXECUTE FUNCTION note_todo();
CREATE INDEX outbox_oldest_first ON outbox (created_at);
