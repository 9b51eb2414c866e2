#!/bin/bash
# Memory, and who may connect. Everything is in files of its own, so that
# Debian's stay as they are.
set -euo pipefail

version="$(pg_lsclusters --no-header | awk '{ print $1; exit }')"
config="/etc/postgresql/$version/main"

# What the container may use, not what the node has.
memory="$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
shared=$((memory * INPUT_MEMORY_SHARE / 100))
[ "$shared" -ge 16 ] || shared=16

listen=localhost
if [ -n "$INPUT_NETWORK" ]; then
  listen='*'
fi
install -d -m 0755 "$config/conf.d"
cat >"$config/conf.d/berth.conf" <<CONF
listen_addresses = '$listen'
password_encryption = 'scram-sha-256'
shared_buffers = ${shared}MB
effective_cache_size = $((memory * 60 / 100))MB
log_min_duration_statement = 1000
CONF

if [ -n "$INPUT_NETWORK" ] && ! grep -qF "berth: $INPUT_NETWORK" "$config/pg_hba.conf"; then
  printf '\n# berth: %s\nhost all all %s scram-sha-256\n' "$INPUT_NETWORK" "$INPUT_NETWORK" >>"$config/pg_hba.conf"
fi
systemctl enable postgresql
systemctl restart "postgresql@$version-main"
log_info "PostgreSQL $version listens on $listen with $shared MiB of pages in memory."
