-- A deleted todo is kept for a day, and every committed change is announced. Both by triggers, so that whoever writes
-- takes part: the release before this one during a rollout, and a person with psql.

-- Apart from the todos, so that a statement that knows nothing of deletion cannot show what is deleted.
CREATE TABLE deleted_todos (
    id           uuid        PRIMARY KEY,
    title        text        NOT NULL,
    notes        text,
    due_at       timestamptz,
    completed_at timestamptz,
    created_at   timestamptz NOT NULL,
    version      bigint      NOT NULL,
    deleted_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deleted_todos_oldest_first ON deleted_todos (deleted_at);

-- Each deletion also clears away some of what is past its day, without waiting for others who do the same.
CREATE FUNCTION keep_deleted_todo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM deleted_todos WHERE id IN (
        SELECT id FROM deleted_todos WHERE deleted_at < now() - interval '1 day'
        ORDER BY deleted_at LIMIT 100 FOR UPDATE SKIP LOCKED
    );
    DELETE FROM deleted_todos WHERE id = OLD.id;
    INSERT INTO deleted_todos (id, title, notes, due_at, completed_at, created_at, version)
    VALUES (OLD.id, OLD.title, OLD.notes, OLD.due_at, OLD.completed_at, OLD.created_at, OLD.version);
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_deleted_todo AFTER DELETE ON todos FOR EACH ROW EXECUTE FUNCTION keep_deleted_todo();

-- Heard at commit. Only which todo and version: a payload must be shorter than 8000 bytes.
CREATE FUNCTION announce_todo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Transactions that announce something commit one at a time. Who writes much says that it announces afterwards.
    IF current_setting('todo_api.announces', true) = 'later' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('todos', json_build_object('removed', OLD.id, 'version', OLD.version)::text);
    ELSE
        PERFORM pg_notify('todos', json_build_object('saved', NEW.id, 'version', NEW.version)::text);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce_todo AFTER INSERT OR UPDATE OR DELETE ON todos FOR EACH ROW EXECUTE FUNCTION announce_todo();

CREATE FUNCTION announce_all_todos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('todos', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER announce_all_todos AFTER TRUNCATE ON todos FOR EACH STATEMENT EXECUTE FUNCTION announce_all_todos();

-- For what is due: a small part of the open todos.
CREATE INDEX todos_open_by_due ON todos (due_at) WHERE completed_at IS NULL AND due_at IS NOT NULL;
