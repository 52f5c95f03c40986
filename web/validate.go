package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"hyperlocal/problem"
)

// newValidator checks each request against the document before its handler
// sees it. echo has found the route already, so the document's own (slower)
// router is not needed: the operation is looked up by echo's path. The path in
// except is left alone.
func newValidator(spec []byte, except []string) (echo.MiddlewareFunc, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	type call struct{ method, path string } // as echo has it
	routes := make(map[call]*routers.Route)
	for path, item := range doc.Paths.Map() {
		if slices.Contains(except, path) {
			continue
		}
		for method, op := range item.Operations() {
			routes[call{method, echoPath(path)}] = &routers.Route{
				Spec: doc, Path: path, PathItem: item, Method: method, Operation: op,
			}
		}
	}
	opts := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			route := routes[call{c.Request().Method, c.Path()}]
			if route == nil {
				return next(c)
			}
			params := make(map[string]string, len(c.ParamNames()))
			for i, name := range c.ParamNames() {
				params[name] = c.ParamValues()[i]
			}
			err := openapi3filter.ValidateRequest(c.Request().Context(), &openapi3filter.RequestValidationInput{
				Request: c.Request(), PathParams: params, Route: route, Options: opts,
			})
			if err != nil {
				return invalidRequest(err)
			}
			return next(c)
		}
	}, nil
}

// echoPath turns "/v1/stores/{id}" into "/v1/stores/:id".
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// invalidRequest names the parameter or the member of the body at fault.
func invalidRequest(err error) error {
	var tooLarge *http.MaxBytesError
	if httpErr := (*echo.HTTPError)(nil); errors.As(err, &httpErr) || errors.As(err, &tooLarge) {
		return err // the body limit, met while reading
	}
	var re *openapi3filter.RequestError
	if !errors.As(err, &re) {
		return problem.Invalid.WithDetail("%v", err)
	}
	detail := re.Reason
	var se *openapi3.SchemaError
	if errors.As(re.Err, &se) {
		detail = se.Reason
	} else if re.Err != nil {
		detail = strings.TrimSpace(strings.TrimSuffix(re.Reason+": "+re.Err.Error(), ": "))
		detail = strings.TrimPrefix(detail, ": ")
	}
	field := "body"
	if re.Parameter != nil {
		field = re.Parameter.Name
	}
	if se != nil {
		field = fieldPath(field, append(se.JSONPointer(), unsupported(se)...))
	}
	if len(detail) > 300 { // a reason may quote the value sent
		detail = detail[:300] + "…"
	}
	return problem.Invalid.WithField(field, detail)
}

// unsupported returns the member that the document does not know, which the
// validator quotes in its reason but leaves out of the pointer.
func unsupported(se *openapi3.SchemaError) []string {
	if se.SchemaField != "properties" {
		return nil
	}
	quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(se.Reason, "property "))
	if err != nil {
		return nil
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return nil
	}
	return []string{name}
}

// fieldPath writes a JSON pointer the way people write paths: "lines[2].units".
// The body's own members stand without a prefix, those of a parameter after
// its name.
func fieldPath(root string, pointer []string) string {
	var b strings.Builder
	if root != "body" {
		b.WriteString(root)
	}
	for _, step := range pointer {
		if _, err := strconv.Atoi(step); err == nil {
			b.WriteString("[" + step + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(step)
	}
	if b.Len() == 0 {
		return root
	}
	return b.String()
}
