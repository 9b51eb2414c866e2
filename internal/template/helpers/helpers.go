// Package helpers has the shell functions that scripts of templates find at
// hand: logging, packages, users, passwords, credentials.
package helpers

import _ "embed"

// Script is read by bash before a template's script, in the same shell. It
// defines functions and prints nothing.
//
//go:embed helpers.sh
var Script string

// CredentialsDir is where save_credential keeps a file for each service: lines
// of KEY=VALUE, the value in base64, readable by root alone.
const CredentialsDir = "/root/.berth/credentials"
