// Command bundle builds web/page/dist from web/page/src: it bundles the modules
// and the style sheet with esbuild, fills their hashed names into index.html,
// and gathers the licences of what was bundled. It needs npm for the first
// run, which fetches what package-lock.json pins.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// licensed are the packages whose code or data is in the bundle.
var licensed = []string{"leaflet", "@fontsource-variable/inter"}

func main() {
	log.SetFlags(0)
	if err := build(); err != nil {
		log.Fatal("bundle: ", err)
	}
}

func build() error {
	if err := fetch(); err != nil {
		return err
	}
	if err := os.RemoveAll("dist"); err != nil {
		return err
	}
	names, err := bundle()
	if err != nil {
		return err
	}
	if err := writePages(names); err != nil {
		return err
	}
	if err := writeLicences(); err != nil {
		return err
	}
	sum, err := Sources(".")
	if err != nil {
		return err
	}
	return os.WriteFile("dist/sources.sha256", []byte(sum+"\n"), 0o644)
}

// fetch installs the packages unless they are there.
func fetch() error {
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil {
		return nil
	}
	npm := exec.Command("npm", "ci")
	npm.Stdout, npm.Stderr = os.Stderr, os.Stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("npm ci: %w", err)
	}
	return nil
}

// bundle writes dist/assets and returns the files' names by the name of their
// source without the hash, such as "main.js".
func bundle() (map[string]string, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{"src/main.js", "src/style.css", "src/ops.js", "src/ops.css", "src/icon.svg"},
		Outdir:            "dist/assets",
		EntryNames:        "[name]-[hash]",
		AssetNames:        "[name]-[hash]",
		Bundle:            true,
		Write:             true,
		MinifySyntax:      true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		LegalComments:     api.LegalCommentsEndOfFile,
		LogLevel:          api.LogLevelInfo,
		Loader: map[string]api.Loader{
			".png":   api.LoaderDataURL,
			".svg":   api.LoaderCopy,
			".woff2": api.LoaderFile,
		},
	})
	if len(result.Errors) > 0 {
		return nil, errors.New(result.Errors[0].Text)
	}
	names := map[string]string{}
	for _, f := range result.OutputFiles {
		name := filepath.Base(f.Path)
		stem, _, _ := strings.Cut(name, "-")
		names[stem+filepath.Ext(name)] = "/assets/" + name
	}
	return names, nil
}

func writePages(names map[string]string) error {
	fill := strings.NewReplacer(
		"{{script}}", names["main.js"],
		"{{style}}", names["style.css"],
		"{{ops-script}}", names["ops.js"],
		"{{ops-style}}", names["ops.css"],
		"{{icon}}", names["icon.svg"],
	)
	for _, page := range []string{"index.html", "ops.html"} {
		html, err := os.ReadFile("src/" + page)
		if err != nil {
			return err
		}
		if err := os.WriteFile("dist/"+page, []byte(fill.Replace(string(html))), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeLicences() error {
	var b strings.Builder
	b.WriteString("The map page contains the following.\n")
	for _, name := range licensed {
		text, err := os.ReadFile(filepath.Join("node_modules", name, "LICENSE"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", name, strings.Repeat("-", len(name)), strings.TrimSpace(string(text)))
	}
	return os.WriteFile("dist/third-party.txt", []byte(b.String()), 0o644)
}

// Sources hashes everything that dist is built from, under the folder of the
// page. A test compares it with dist/sources.sha256.
func Sources(dir string) (string, error) {
	hash := sha256.New()
	files := []string{"package-lock.json"}
	err := filepath.WalkDir(filepath.Join(dir, "src"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(dir, path)
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	for _, name := range files {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(name), len(body))
		hash.Write(body)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
