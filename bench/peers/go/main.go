// The list and the creation of todos with net/http and pgx alone: what `cargo xtask bench` measures todo-api beside.
//
// The two requests that are measured are answered as todo-api answers them: the first page and a new todo. No other
// pages, no filters, no logs, no metrics, no limits.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	columns = "id, title, notes, due_at, completed_at, created_at, updated_at, version"
	first   = "SELECT " + columns + " FROM todos WHERE true ORDER BY created_at DESC, id DESC LIMIT $1"
	insert  = "INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) RETURNING " + columns
	limit   = 20
)

type todo struct {
	ID          pgtype.UUID `json:"id"`
	Title       string      `json:"title"`
	Notes       *string     `json:"notes"`
	DueAt       *time.Time  `json:"due_at"`
	CompletedAt *time.Time  `json:"completed_at"`
	CreatedAt   time.Time   `json:"created_at"`
	UpdatedAt   time.Time   `json:"updated_at"`
	Version     int64       `json:"version"`
}

type page struct {
	Items      []todo  `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

type newTodo struct {
	Title string     `json:"title"`
	Notes *string    `json:"notes"`
	DueAt *time.Time `json:"due_at"`
}

type service struct{ database *pgxpool.Pool }

func main() {
	time.Local = time.UTC
	database, err := connect()
	if err != nil {
		log.Fatalf("connecting to PostgreSQL: %v", err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), service{database}))
}

func connect() (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		return nil, err
	}
	connections, err := strconv.ParseInt(os.Getenv("CONNECTIONS"), 10, 32)
	if err != nil {
		return nil, err
	}
	config.MinConns, config.MaxConns = int32(connections), int32(connections)
	// As todo-api does: not announced by a trigger, which would make commits wait for one another.
	config.ConnConfig.RuntimeParams["todo_api.announces"] = "later"
	return pgxpool.ConnectConfig(context.Background(), config)
}

func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/api/todos":
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		s.list(w, r)
	case r.Method == http.MethodPost:
		s.create(w, r)
	default:
		http.Error(w, "not allowed", http.StatusMethodNotAllowed)
	}
}

func (s service) list(w http.ResponseWriter, r *http.Request) {
	todos, err := s.page(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, todos)
}

func (s service) page(ctx context.Context) (page, error) {
	page := page{Items: make([]todo, 0, limit+1)}
	// The one too many only tells that there is more.
	rows, err := s.database.Query(ctx, first, limit+1)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	for rows.Next() {
		todo, err := read(rows)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, todo)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		cursor := cursor(&page.Items[limit-1])
		page.NextCursor = &cursor
	}
	return page, rows.Err()
}

func (s service) create(w http.ResponseWriter, r *http.Request) {
	var wanted newTodo
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	title := strings.TrimSpace(wanted.Title)
	length := utf8.RuneCountInString(title)
	if length < 1 || length > 200 || strings.IndexFunc(title, unicode.IsControl) >= 0 {
		http.Error(w, "title must have 1 to 200 characters", http.StatusUnprocessableEntity)
		return
	}
	id := pgtype.UUID{Bytes: uuid7(), Status: pgtype.Present}
	row := s.database.QueryRow(r.Context(), insert, id, title, wanted.Notes, wanted.DueAt)
	made, err := read(row)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Location", "/api/todos/"+text(made.ID.Bytes))
	w.Header().Set("ETag", fmt.Sprintf(`"%d"`, made.Version))
	answer(w, http.StatusCreated, made)
}

func answer(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

func read(row pgx.Row) (t todo, err error) {
	err = row.Scan(&t.ID, &t.Title, &t.Notes, &t.DueAt, &t.CompletedAt, &t.CreatedAt, &t.UpdatedAt, &t.Version)
	return t, err
}

func cursor(last *todo) string {
	var bytes [24]byte
	binary.BigEndian.PutUint64(bytes[:8], uint64(last.CreatedAt.UnixMicro()))
	copy(bytes[8:], last.ID.Bytes[:])
	return base64.RawURLEncoding.EncodeToString(bytes[:])
}

// In order of time, so that new keys go to one end of the index.
func uuid7() (id [16]byte) {
	rand.Read(id[6:])
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(time.Now().UnixMilli()))
	copy(id[:6], millis[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func text(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
