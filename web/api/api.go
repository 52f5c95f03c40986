// Package api is generated from web/openapi.yaml: the types of requests and
// responses and the interface that package web implements. The calls whose
// bodies are streams or are decoded elsewhere (pings, live, metrics) are not
// in it.
package api

//go:generate go tool oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
