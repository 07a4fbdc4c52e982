//go:build tools

// Package h2spec has the conformance tests of HTTP/2 built at the version that go.mod names.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
