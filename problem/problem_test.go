package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/problem"
)

func TestWrite(t *testing.T) {
	rec := httptest.NewRecorder()
	p := problem.Invalid.WithField("lines[2].units", "must be at least 1").
		With("shortages", []int{1}).With("other", "x").RetryAfter(1500 * time.Millisecond)
	problem.Write(rec, p)

	require.Equal(t, 400, rec.Code)
	require.Equal(t, problem.ContentType, rec.Header().Get("Content-Type"))
	require.Equal(t, "2", rec.Header().Get("Retry-After"), "rounded up to whole seconds")
	var got map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &got))
	require.Equal(t, map[string]any{
		"type": "urn:hyperlocal:problem:invalid-request", "title": "The request is not valid",
		"status": 400.0, "field": "lines[2].units", "detail": "must be at least 1",
		"shortages": []any{1.0}, "other": "x",
	}, got)
	require.Empty(t, problem.Invalid.Field, "the shared problem is not changed")
}

func TestWriteSurvivesExtraThatJSONCannotHold(t *testing.T) {
	rec := httptest.NewRecorder()
	problem.Write(rec, problem.Internal.With("c", make(chan int)))
	require.Equal(t, 500, rec.Code)
	require.Contains(t, rec.Body.String(), `"urn:hyperlocal:problem:internal"`)
}
