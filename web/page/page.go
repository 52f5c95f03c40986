// Package page is the live map, partners over wards and main roads, stores with
// their stock, and one order on its way; and the page of operations at /ops, which
// shows the server's metrics. It is plain ES modules under
// src, bundled with Leaflet by package bundle; what was built is committed
// under dist and embedded, so that building the server needs Go alone. Run
// `go generate ./web/page` after a change under src.
//
// The page asks no host but its own, and runs under a content security policy
// that allows no other.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"hyperlocal/problem"
)

//go:generate go run ./bundle

//go:embed dist
var dist embed.FS

// policy is the content security policy. Leaflet's pictures are data: URLs in
// the style sheet; styles of elements are set by script, which it allows.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types are the content types by extension. The operating system's table is
// not asked: it differs from machine to machine.
var types = map[string]string{
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// file is one built file, ready to be served.
type file struct {
	body, contentType, etag, cache string
}

// hashed is where files have a hash of their content in their names, and so
// never change.
const hashed = "/assets/"

// Handler serves the pages at "/" and "/ops" and what it needs beside it. Other paths get
// a problem document. It answers GET and HEAD.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			problem.Write(w, problem.NotFound)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("ETag", f.etag)
		h.Set("Cache-Control", f.cache)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.body))
	})
}

// load reads the embedded files by their paths on the server.
func load() map[string]file {
	files := map[string]file{}
	root, err := fs.Sub(dist, "dist")
	if err == nil {
		err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			body, err := fs.ReadFile(root, name)
			if contentType, ok := types[path.Ext(name)]; ok {
				files["/"+name] = newFile("/"+name, contentType, body)
			}
			return err
		})
	}
	if err != nil {
		// Cannot happen: the files are part of the binary.
		files["/index.html"] = newFile("/index.html", types[".txt"], []byte(err.Error()))
	}
	files["/"], files["/ops"] = files["/index.html"], files["/ops.html"]
	delete(files, "/index.html")
	delete(files, "/ops.html")
	return files
}

func newFile(name, contentType string, body []byte) file {
	sum := sha256.Sum256(body)
	f := file{
		body:        string(bytes.Clone(body)),
		contentType: contentType,
		etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		cache:       "no-cache", // ask each time; the ETag makes that cheap
	}
	if strings.HasPrefix(name, hashed) {
		f.cache = "public, max-age=31536000, immutable"
	}
	return f
}
