-- What was answered to a request that bore an Idempotency-Key, written in the transaction that did what it asked for.
CREATE TABLE idempotency_keys (
    key         text        PRIMARY KEY CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    status      smallint    NOT NULL CHECK (status BETWEEN 200 AND 299),
    location    text        NOT NULL,
    etag        text        NOT NULL,
    body        text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- For those whose time is over.
CREATE INDEX idempotency_keys_oldest_first ON idempotency_keys (created_at);
