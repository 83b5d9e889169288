-- Clears away what is old as before, but by statements that are planned well for an empty table, too. There `id IN (SELECT
-- ...)` becomes a join that runs the subquery again for each row of the table, and a connection keeps this plan until the
-- table is analyzed. `id = ANY (ARRAY(SELECT ...))` runs it once, and finds what it gave by the index.

CREATE OR REPLACE FUNCTION keep_deleted_todo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM deleted_todos WHERE id = ANY (ARRAY(
        SELECT id FROM deleted_todos WHERE deleted_at < now() - interval '1 day'
        ORDER BY deleted_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ));
    DELETE FROM deleted_todos WHERE id = OLD.id;
    INSERT INTO deleted_todos (id, title, notes, due_at, completed_at, created_at, version)
    VALUES (OLD.id, OLD.title, OLD.notes, OLD.due_at, OLD.completed_at, OLD.created_at, OLD.version);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION note_todo() RETURNS trigger LANGUAGE plpgsql AS $$
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
    DELETE FROM outbox WHERE id = ANY (ARRAY(
        SELECT id FROM outbox WHERE created_at < now() - interval '7 days'
        ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED
    ));
    RETURN NULL;
END
$$;
