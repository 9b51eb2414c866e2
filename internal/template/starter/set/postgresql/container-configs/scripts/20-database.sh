#!/bin/bash
# Makes the role, its password and the database. Run again it changes nothing:
# the password stays the one that was saved.
set -euo pipefail

name="$INPUT_DATABASE"
sql() { run_as_user postgres psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }

if [ -z "$(sql --set name="$name" <<<"SELECT 1 FROM pg_roles WHERE rolname = :'name'")" ]; then
  made="$(generate_password 32)"
  # Through the standard input, so that the password is in no list of processes.
  sql --set name="$name" <<SQL
CREATE ROLE :"name" LOGIN PASSWORD '$made';
SQL
  save_credential postgresql user "$name"
  save_credential postgresql password "$made"
  save_credential postgresql database "$name"
  log_info "The role $name has a new password; it is with the container's credentials."
fi
if [ -z "$(sql --set name="$name" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]; then
  sql --set name="$name" <<'SQL'
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
fi
log_info "The database $name is ready."
