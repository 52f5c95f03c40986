package page

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	return w.Result(), string(body)
}

func TestPagesAndEverythingTheyName(t *testing.T) {
	for path, least := range map[string]int{"/": 4, "/ops": 5} {
		res, html := get(t, path)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
		require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
		require.Equal(t, policy, res.Header.Get("Content-Security-Policy"))

		names := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(html, -1)
		require.GreaterOrEqual(t, len(names), least-1)
		for _, name := range names {
			res, body := get(t, name[1])
			require.Equal(t, http.StatusOK, res.StatusCode, name[1])
			require.NotEmpty(t, body)
			require.Contains(t, res.Header.Get("Cache-Control"), "immutable", name[1])
		}
	}
}

// The policy allows neither, so the pages must not have them.
func TestPagesHaveNothingInline(t *testing.T) {
	for _, path := range []string{"/", "/ops"} {
		_, html := get(t, path)
		require.NotRegexp(t, `<script[^>]*>[^<]`, html)
		require.NotRegexp(t, `<style|\sstyle=|\son\w+=`, html)
		require.NotContains(t, html, "{{")
	}
}

func TestPageIsRevalidated(t *testing.T) {
	res, _ := get(t, "/")
	tag := res.Header.Get("ETag")
	require.NotEmpty(t, tag)
	res, body := get(t, "/", "If-None-Match", tag)
	require.Equal(t, http.StatusNotModified, res.StatusCode)
	require.Empty(t, body)
}

func TestOtherPathsAreProblems(t *testing.T) {
	for _, path := range []string{"/nope", "/v1/nope", "/index.html", "/ops.html", "/sources.sha256", "/assets/", "/../page.go"} {
		res, body := get(t, path)
		require.Equal(t, http.StatusNotFound, res.StatusCode, path)
		require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
		require.Contains(t, body, "not-found")
	}
}

func TestAttributionStandsOnThePage(t *testing.T) {
	_, html := get(t, "/")
	for _, source := range []string{"datameet", "CC BY-SA 2.5 IN", "OpenStreetMap", "ODbL", "GOAL", "CC BY 4.0", "Abhii58", "MIT"} {
		require.Contains(t, html, source)
	}
	_, licences := get(t, "/third-party.txt")
	require.Contains(t, licences, "leaflet")
	require.Contains(t, licences, "SIL OPEN FONT LICENSE")
}
